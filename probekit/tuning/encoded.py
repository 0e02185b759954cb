"""Encoded: examples as a model reads them, and where the predictions of their words are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from probekit.errors import InputError
from probekit.tuning.data import NONE, UNSEEN, Examples, Target

LOST = -1  # the place of a word that is cut off, or has no subword


@dataclass(frozen=True)
class Encoded(torch.utils.data.Dataset):
    """Examples in subwords.

    Attributes:
        items: what the model is given for each example, with `labels`.
        places: of each example the position of each word's prediction, or LOST; None where there
            is one prediction for the example.
        lengths: subwords of each example.
        cut: the number of examples longer than the limit.
    """

    items: list[dict[str, Any]]
    places: list[np.ndarray] | None
    lengths: list[int]
    cut: int = 0

    def __len__(self) -> int:
        return len(self.items)

    def __getitem__(self, i: int) -> dict[str, Any]:
        return self.items[i]


def encode(examples: Examples, target: Target, tokenizer: Any, longest: int) -> Encoded:
    """Encode the examples of a split.

    Raises InputError for a tokenizer without positions of characters, where words have labels.
    """
    if target != "words":
        return _encode_texts(examples, target, tokenizer, longest)
    if not tokenizer.is_fast:
        raise InputError(
            "the model's tokenizer does not tell which subwords a word has: labels of words need a "
            "fast tokenizer (tokenizer.json)"
        )
    items, all_places, cut = [], [], 0
    for words, labels in zip(examples.texts, examples.labels, strict=True):
        read = tokenizer(
            " ".join(words), truncation=True, max_length=longest, return_offsets_mapping=True
        )
        cut += bool(read.encodings[0].overflowing)
        places = places_of_words(words, read.pop("offset_mapping"))
        own = np.full(len(read["input_ids"]), NONE, dtype=np.int64)
        kept = (places != LOST) & (labels != UNSEEN)
        own[places[kept]] = labels[kept]
        items.append({**read, "labels": own.tolist()})
        all_places.append(places)
    return Encoded(items, all_places, _lengths(items), cut)


def _encode_texts(examples: Examples, target: Target, tokenizer: Any, longest: int) -> Encoded:
    items, cut = [], 0
    for texts, labels in zip(examples.texts, examples.labels, strict=True):
        read = tokenizer(*texts, truncation=True, max_length=longest)
        cut += _is_cut(read, tokenizer, texts, longest)
        label: Any = float(labels[0]) if target == "numbers" else int(labels[0])
        items.append({**read, "labels": NONE if label == UNSEEN and target == "texts" else label})
    return Encoded(items, None, _lengths(items), cut)


def _is_cut(read: Any, tokenizer: Any, texts: tuple[str, ...], longest: int) -> bool:
    if tokenizer.is_fast:
        return bool(read.encodings[0].overflowing)
    return len(read["input_ids"]) >= longest < len(tokenizer(*texts)["input_ids"])


def _lengths(items: list[dict[str, Any]]) -> list[int]:
    return [len(item["input_ids"]) for item in items]


def places_of_words(words: Sequence[str], offsets: Sequence[tuple[int, int]]) -> np.ndarray:
    """The position of the first subword of each word of a text, whose words are joined by spaces.

    Args:
        words: the words.
        offsets: the first character of each subword, and the one after its last; empty ones belong
            to special tokens.

    Returns `(words,)` positions, LOST for words without one.

    >>> places_of_words(["no", "way"], [(0, 0), (0, 2), (3, 4), (4, 6), (0, 0)]).tolist()
    [1, 2]
    """
    places = np.full(len(words), LOST, dtype=np.int64)
    starts = np.cumsum([0, *(len(word) + 1 for word in words)])
    ends = starts[1:] - 1
    for position, (first, after) in enumerate(offsets):
        if after <= first:
            continue
        word = int(np.searchsorted(ends, first, side="right"))
        # A subword may begin with the space before its word.
        if word < len(words) and after <= starts[word]:
            continue
        if word < len(words) and places[word] == LOST:
            places[word] = position
    return places
