"""Language-modelling head: a model that predicts subwords, with its own head or a borrowed one.

Hidden states are read below the head; behaviour is what the whole model predicts. Which head a
family has follows from how it was trained: `mlm` predicts masked subwords from both sides, `clm`
the next subword, and `seq2seq` the next subword of the decoder.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Literal

import torch

from probekit.errors import InputError, ModelError
from probekit.models.checkpoint import Checkpoint
from probekit.models.families import UNKNOWN, family_of
from probekit.models.in_memory import InMemoryModel, sharing_copy
from probekit.models.loading.config import has_no_decoder
from probekit.models.loading.with_head import load_with_head, put_below_head
from probekit.models.model import Model
from probekit.models.special_tokens import special_tokens, start_token

Objective = Literal["mlm", "clm", "seq2seq"]
HEADS: dict[Objective, str] = {
    "mlm": "AutoModelForMaskedLM",
    "clm": "AutoModelForCausalLM",
    "seq2seq": "AutoModelForSeq2SeqLM",
}
"""transformers' auto class of each objective."""
_WITH_HEAD = ("ForMaskedLM", "ForCausalLM", "LMHeadModel", "ForConditionalGeneration")
_CAUSAL = ("ForCausalLM", "LMHeadModel")


@dataclass(frozen=True)
class LanguageModel:
    """A loaded model with its head, in evaluation mode.

    Attributes:
        name: its name in results.
        model: the module, whose output has `logits`.
        tokenizer: its tokenizer.
        objective: how it predicts.
        device: where it runs.
        prefix, suffix: ids of the special tokens before and after a text. A decoder whose tokenizer
            adds none reads its BOS token first, where it has one.
        start: id of the token with which the decoder of a pair begins.
        limit: number of subwords of text that it reads at once.
        padded: whether texts may be padded to one length.
        head: the model whose head is borrowed; empty for its own.
    """

    name: str
    model: Any
    tokenizer: Any
    objective: Objective
    device: torch.device
    prefix: tuple[int, ...]
    suffix: tuple[int, ...]
    start: int | None
    limit: int
    padded: bool
    head: str = ""


def objective_of(config: Any) -> Objective:
    """How a model of a Hugging Face configuration predicts."""
    if config.is_encoder_decoder:
        return "seq2seq"
    family = family_of(config)
    if family is UNKNOWN:
        classes = getattr(config, "architectures", None) or [""]
        return "clm" if str(classes[0]).endswith(_CAUSAL) else "mlm"
    return "clm" if "decoder" in family.stacks else "mlm"


def open_language_model(model: Model, lm_head: str | None = None) -> LanguageModel:
    """The language model of an open model; its weights are loaded now.

    Args:
        model: a checkpoint or a loaded model.
        lm_head: the name of the model whose head is borrowed where this one has none.

    Raises InputError for word vectors and modules, for a model without a head where no other is
    named, and where that other's does not fit; ModelError where weights cannot be loaded.
    """
    if not isinstance(model, Checkpoint | InMemoryModel):
        raise InputError(f"'{model.name}' predicts no words: behaviour needs a language model")
    config = model.encoder.config
    if isinstance(model, Checkpoint) and has_no_decoder(config):
        raise InputError(
            f"'{model.name}' is the encoder of a pair, and predicts nothing without its decoder"
        )
    objective, head = objective_of(config), ""
    whole = _with_own_head(model, objective)
    if whole is None:
        if lm_head is None:
            raise InputError(
                f"'{model.name}' has no language-modelling head, so it has no behaviour to "
                "measure: borrow that of its base model, with lm_head='NAME'"
            )
        whole, head = _with_head_of(model, lm_head, objective), lm_head
    return _described(model, whole, objective, head)


def _with_own_head(model: Checkpoint | InMemoryModel, objective: Objective) -> Any:
    """The module with its head; None where it has none."""
    if isinstance(model, InMemoryModel):
        if not type(model.whole).__name__.endswith(_WITH_HEAD):
            return None
        return sharing_copy(model.whole)
    settings = model.settings
    try:
        whole, is_whole = load_with_head(
            model.files,
            model.encoder.config,
            model.dtype,
            HEADS[objective],
            allow_pickle=settings.allow_pickle,
            remote_code=settings.trust_remote_code,
            bits=model.bits,
        )
    except ModelError as error:
        if "Unrecognized configuration class" not in str(error):
            raise
        raise InputError(
            f"'{model.name}' is of a family without a language-modelling head that scores "
            f"sentences ({model.encoder.config.model_type})"
        ) from error
    return whole if is_whole else None


def _with_head_of(model: Checkpoint | InMemoryModel, lm_head: str, objective: Objective) -> Any:
    """The model under the head of another one."""
    settings = model.settings
    other = Checkpoint(lm_head, replace(settings, tokenizer=None, adapter=True))
    whole = None
    if objective_of(other.encoder.config) == objective:
        whole = _with_own_head(other, objective)
    if whole is None:
        raise InputError(
            f"lm_head='{lm_head}' has no language-modelling head for '{model.name}': give the base "
            "model that it was fine-tuned from"
        )
    bare = model.encoder.load_bare()
    mine, theirs = bare.get_input_embeddings().weight, whole.get_input_embeddings().weight
    same_kind = bare.config.model_type == whole.config.model_type
    if not same_kind or mine.shape != theirs.shape:
        raise InputError(
            f"the head of lm_head='{lm_head}' does not fit '{model.name}': its model is of another "
            "family, width or vocabulary"
        )
    put_below_head(whole, bare)
    return whole


def _described(
    model: Checkpoint | InMemoryModel, whole: Any, objective: Objective, head: str
) -> LanguageModel:
    encoder, tokenizer = model.encoder, model.encoder.tokenizer
    if objective == "mlm" and tokenizer.mask_token_id is None:
        raise InputError(
            f"the tokenizer of '{model.name}' has no mask token, which a masked language model "
            "needs"
        )
    before, after = special_tokens(tokenizer)
    prefix, limit = tuple(before.tolist()), encoder.declared_limit
    start: int | None = None
    if objective == "clm" and not prefix and tokenizer.bos_token_id is not None:
        prefix, limit = (int(tokenizer.bos_token_id),), limit - 1
    if objective == "seq2seq":
        start, limit = start_token(model.name, encoder.config), limit - 1
    if not getattr(whole, "is_quantized", False):
        whole.to(encoder.device)
    return LanguageModel(
        name=model.name,
        model=whole.eval(),
        tokenizer=tokenizer,
        objective=objective,
        device=encoder.device,
        prefix=prefix,
        suffix=tuple(after.tolist()),
        start=start,
        limit=limit,
        padded=encoder.family.padded and encoder.family is not UNKNOWN,
        head=head,
    )
