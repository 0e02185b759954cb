"""A part of a corpus: fewer training sentences, and some of the layers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from probekit.corpora.passage import Corpus, Split
from probekit.corpora.passages import Passages
from probekit.states.extract import States
from probekit.tasks.task import Context


@dataclass(frozen=True)
class Cut:
    """`Vectors` of some layers and a part of the training split; dev and test are whole.

    Attributes:
        states: what they are read from.
        corpus: the part of its corpus.
        layers: the layers.
        places: `(words,)` position of each training word in the training split of `states`.
    """

    states: States
    corpus: Corpus
    layers: tuple[int, ...]
    places: np.ndarray

    @property
    def context(self) -> Context:
        """What was read in one pass."""
        return self.states.context

    @property
    def dim(self) -> int:
        """Width of a vector."""
        return self.states.dim

    @property
    def dtype(self) -> str:
        """Of the values `read_into` gives."""
        return self.states.dtype

    def read_into(self, out: np.ndarray, split: Split, start: int, layers: Sequence[int]) -> None:
        """Fill `out`, `(layers, words, dim)`, with the vectors of the words from `start` on."""
        if split != "train":
            self.states.read_into(out, split, start, layers)
            return
        places = self.places[start : start + out.shape[1]]
        filled = 0
        for run in np.split(places, np.flatnonzero(np.diff(places) != 1) + 1):
            self.states.read_into(out[:, filled : filled + len(run)], split, int(run[0]), layers)
            filled += len(run)


def cut(states: States, sentences: int | None, layers: Sequence[int]) -> Cut:
    """About `sentences` training sentences spread evenly over the split, or all; whole documents where these are read.

    Raises ValueError where the split has fewer.
    """
    train = states.corpus.splits["train"]
    if sentences is None:
        kept = np.arange(len(train))
    elif sentences > len(train):
        raise ValueError(f"'{states.corpus.name}' has {len(train)} training sentences, not {sentences}")
    elif states.context == "document":
        kept = _of_documents(train, sentences)
    else:
        kept = np.linspace(0, len(train) - 1, sentences).round().astype(np.int64)
    splits = {**states.corpus.splits, "train": train.take(kept)}
    places = np.concatenate([np.arange(train.offsets[i], train.offsets[i + 1]) for i in kept])
    return Cut(states, replace(states.corpus, splits=splits), tuple(layers), places)


def _of_documents(train: Passages, sentences: int) -> np.ndarray:
    """Numbers of the passages of every so manieth document, about `sentences` of them."""
    numbers = train.document_numbers()
    documents = np.arange(numbers[-1] + 1)
    share = sentences / len(train)
    chosen = np.floor((documents + 1) * share) > np.floor(documents * share)
    return np.flatnonzero(chosen[numbers])
