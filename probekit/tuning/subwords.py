"""Subwords: raw text in parts that a language model can read, and what is predicted of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from torch.nn.functional import cross_entropy
from transformers import (
    DataCollatorForLanguageModeling,
    DataCollatorForTokenClassification,
    TrainerCallback,
)

from probekit.errors import InputError
from probekit.tuning.data import NONE, Examples
from probekit.tuning.encoded import Encoded
from probekit.tuning.predicted import Answers

SPECIAL = "special_tokens_mask"
NUMBER = "number"


@dataclass(frozen=True)
class Parts(Encoded):
    """Texts in parts that fit the model.

    Attributes:
        items: what the model is given for each part; with `labels` where these are fixed, else with
            the part's `number`.
        places: None.
        lengths: subwords of each part.
        cut: the number of texts with several parts.
        owners: of each part the number of its text.
        empty: the number of texts of which nothing can be predicted, and which are left out.
    """

    owners: Sequence[int] = ()
    empty: int = 0

    def answers(self, predictions: np.ndarray) -> Answers:
        """The loss of every subword that was predicted, with no gold values.

        Args:
            predictions: `(parts, width)` losses in nats, NONE where nothing is predicted.
        """
        is_said = predictions != NONE
        groups = np.repeat(np.array(self.owners), is_said.sum(axis=1))
        losses = predictions[is_said].astype(np.float64)
        return Answers(np.zeros(len(losses)), losses, groups)


def parts_of(examples: Examples, tokenizer: Any, longest: int, least: int) -> Parts:
    """The parts of texts.

    Args:
        examples: each with one text.
        tokenizer: a fast one.
        longest: most subwords of a part, special tokens included.
        least: subwords that a part must have, special tokens not included.

    Raises InputError for a tokenizer that cannot tell parts.
    """
    if not tokenizer.is_fast:
        raise InputError(
            "the model's tokenizer does not divide long texts: raw text needs a fast tokenizer "
            "(tokenizer.json)"
        )
    items: list[dict[str, Any]] = []
    owners, cut, empty = [], 0, 0
    for owner, (text,) in enumerate(examples.texts):
        read = tokenizer(
            text,
            truncation=True,
            max_length=longest,
            return_overflowing_tokens=True,
            return_special_tokens_mask=True,
        )
        read.pop("overflow_to_sample_mapping", None)
        found = []
        for i, special in enumerate(read[SPECIAL]):
            if special.count(0) >= least:
                found.append({name: values[i] for name, values in read.items()})
        cut += len(found) > 1
        empty += not found
        for item in found:
            items.append({**item, NUMBER: len(items)})
            owners.append(owner)
    lengths = [len(item["input_ids"]) for item in items]
    return Parts(items, None, lengths, cut, owners, empty)


class Masking:
    """Makes batches of parts, masked as BERT's: of the chosen subwords 80% become the mask, 10%
    another subword, and 10% stay. The choice depends on the seed, the epoch and the batch alone, so
    that a run that is resumed makes the one that the run that was killed would have made.

    Parts with labels are only filled up to the longest.
    """

    def __init__(self, tokenizer: Any, share: float, seed: int) -> None:
        """Choose this share of the subwords. Raises InputError for a tokenizer without a mask."""
        if tokenizer.mask_token is None:
            raise InputError("the tokenizer has no mask token, which a masked language model needs")
        self.seed, self.epoch = seed, 0
        self._masked = DataCollatorForLanguageModeling(tokenizer, mlm_probability=share)
        self._filled = DataCollatorForTokenClassification(tokenizer)

    def __call__(self, items: Sequence[Mapping[str, Any]]) -> Any:
        """A batch."""
        if "labels" in items[0]:
            return self._filled([dict(item) for item in items])
        self._draw(self.seed, self.epoch, items[0][NUMBER])
        given = [_without(item, NUMBER) for item in items]
        batch = self._masked(given)
        while not (batch["labels"] != NONE).any():  # a loss of nothing would not be a number
            batch = self._masked(given)
        return batch

    def fixed(self, parts: Parts) -> Parts:
        """The parts, masked once and for all, whatever the seed of training."""
        items = []
        for item in parts.items:
            self._draw(item[NUMBER])
            batch = self._masked([_without(item, NUMBER)])
            items.append({name: value[0].tolist() for name, value in batch.items()})
        return replace(parts, items=items)

    def _draw(self, *numbers: int) -> None:
        """Let what is drawn next depend on these numbers."""
        state = int(np.random.SeedSequence(numbers).generate_state(1)[0])
        self._masked.generator = torch.Generator().manual_seed(state)


class NewMasks(TrainerCallback):
    """Lets each epoch have masks of its own."""

    def __init__(self, masking: Masking) -> None:
        """`masking` makes the batches."""
        self.masking = masking

    def on_epoch_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """Tell the number of the epoch, from 0."""
        self.masking.epoch = int(state.epoch or 0)


def predicting_next(parts: Parts) -> Parts:
    """The parts with all their subwords but the first as labels, for a causal language model."""
    items = []
    for item in parts.items:
        given = _without(_without(item, NUMBER), SPECIAL)
        items.append({**given, "labels": [NONE, *item["input_ids"][1:]]})
    return replace(parts, items=items)


def losses_of(logits: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    """The loss in nats of each label, `(n, width)`; NONE where there is none.

    Args:
        logits: `(n, width, vocabulary)`.
        labels: `(n, width)`, NONE where nothing is predicted.
    """
    chosen = labels != NONE
    found = torch.full(labels.shape, float(NONE), device=labels.device)
    found[chosen] = cross_entropy(logits[chosen].float(), labels[chosen], reduction="none")
    return found


def _without(item: Mapping[str, Any], name: str) -> dict[str, Any]:
    return {key: value for key, value in item.items() if key != name}
