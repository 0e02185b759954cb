"""Language model: a checkpoint with the head of its pre-training, and its loss on text."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch.nn.functional import cross_entropy

from probekit.corpora.passage import Corpus
from probekit.errors import InputError, ModelError
from probekit.models.files import Files
from probekit.models.lm_head import HEADS
from probekit.models.loading.config import load_config
from probekit.models.loading.with_head import load_with_head
from probekit.models.weights import read_object
from probekit.tuning.data import NONE
from probekit.tuning.learner import Case

MASKED = 0.15  # share of subwords that are masked (Devlin et al. 2019)
LONGEST = 128


def declared_objective(files: Files) -> str:
    """The pre-training objective whose head `config.json` names: `mlm`, `clm`, or "" for none."""
    classes = read_object(files.folder / "config.json").get("architectures")
    name = str(classes[0]) if isinstance(classes, list) and classes else ""
    if files.seed is not None:
        return ""
    if name.endswith(("ForMaskedLM", "ForPreTraining")):
        return "mlm"
    return "clm" if name.endswith(("ForCausalLM", "LMHeadModel")) else ""


def required_objective(recipe: str, files: Files) -> str:
    """The pre-training objective of a checkpoint, which a recipe needs.

    Raises InputError where the checkpoint has no language-modelling head.
    """
    objective = declared_objective(files)
    if not objective:
        raise InputError(
            f"recipe='{recipe}' needs a language-modelling head, and '{files.name}' has none: "
            "give a checkpoint whose config.json names a ForMaskedLM, ForPreTraining or "
            "ForCausalLM, such as bert-base or gpt2"
        )
    return objective


def language_model(case: Case, files: Files, objective: str) -> Any:
    """The checkpoint with the head of its objective, `mlm` or `clm`, in evaluation mode.

    Raises ModelError where it cannot be loaded, or its files lack weights of the head.
    """
    model, is_whole = load_with_head(
        files,
        load_config(files, case.settings.trust_remote_code),
        torch.float32,
        HEADS["clm" if objective == "clm" else "mlm"],
        allow_pickle=case.settings.allow_pickle,
        remote_code=case.settings.trust_remote_code,
    )
    if not is_whole:
        raise ModelError(
            f"the files of '{case.model}' lack weights of its head, which would be random"
        )
    return model.eval()


def texts_of(corpus: Corpus, sentences: int) -> list[str]:
    """So many sentences of training, drawn at random, the same ones each time."""
    passages = corpus.splits["train"]
    chosen = np.random.default_rng(0).permutation(len(passages))[:sentences]
    return [" ".join(passages[int(i)].words) for i in sorted(chosen.tolist())]


def read_for(
    model: Any, tokenizer: Any, texts: Sequence[str], objective: str, random: torch.Generator
) -> tuple[dict[str, torch.Tensor], torch.Tensor]:
    """What the model reads of texts, and which logits predict a subword of them.

    Returns the inputs, and labels `(texts, width)`, NONE where nothing is predicted; those of `clm`
    stand at the position before.

    Raises InputError for a masked model whose tokenizer has no mask.
    """
    if objective == "mlm" and tokenizer.mask_token_id is None:
        raise InputError("the tokenizer has no mask token, which a masked language model needs")
    read = tokenizer(
        list(texts), truncation=True, max_length=LONGEST, padding=True, return_tensors="pt"
    )
    ids = read["input_ids"]
    if objective == "clm":
        labels = torch.full_like(ids, NONE)
        is_text = read["attention_mask"][:, 1:] == 1
        labels[:, :-1] = torch.where(is_text, ids[:, 1:], NONE)
    else:
        special = torch.tensor(
            [
                tokenizer.get_special_tokens_mask(one, already_has_special_tokens=True)
                for one in ids.tolist()
            ]
        )
        chosen = (torch.rand(ids.shape, generator=random) < MASKED) & (special == 0)
        labels = torch.where(chosen, ids, NONE)
        read["input_ids"] = torch.where(chosen, tokenizer.mask_token_id, ids)
    device = next(model.parameters()).device
    return {name: one.to(device) for name, one in read.items()}, labels.to(device)


def language_loss(
    model: Any, tokenizer: Any, texts: Sequence[str], objective: str, random: torch.Generator
) -> torch.Tensor:
    """The mean cross-entropy of the subwords that are predicted; 0 where there are none."""
    read, labels = read_for(model, tokenizer, texts, objective, random)
    logits = model(**read).logits
    chosen = labels != NONE
    if not chosen.any():
        return logits.sum() * 0
    return cross_entropy(logits[chosen], labels[chosen])
