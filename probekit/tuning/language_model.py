"""Language model: a checkpoint with the head of its pre-training, and its loss on text."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch.nn.functional import cross_entropy

from probekit.corpora.passage import Corpus
from probekit.errors import InputError, ModelError, first_line
from probekit.models.loading import quiet_loading
from probekit.tuning.data import NONE
from probekit.tuning.learner import Case, Learner

MASKED = 0.15  # share of subwords that are masked (Devlin et al. 2019)
LONGEST = 128


def language_model(case: Case, learner: Learner, objective: str) -> Any:
    """The checkpoint with the head of its objective, `mlm` or `clm`, in evaluation mode.

    Raises ModelError where it cannot be loaded.
    """
    import transformers

    kind: Any = transformers.AutoModelForMaskedLM
    if objective == "clm":
        kind = transformers.AutoModelForCausalLM
    try:
        with quiet_loading():
            model = kind.from_pretrained(
                learner.files.folder,
                dtype=torch.float32,
                use_safetensors=None if case.settings.allow_pickle else True,
                trust_remote_code=case.settings.trust_remote_code,
            )
    except Exception as error:  # of any type, from the model's own code
        raise ModelError(
            first_line(f"the head of '{case.model}' cannot be loaded", error)
        ) from error
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
