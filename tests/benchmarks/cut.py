"""A part of a corpus: fewer training sentences, and some of the layers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from probekit.corpora.passage import Context, Corpus, Split
from probekit.corpora.passages import Passages
from probekit.states.states import States


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
        """Of the numbers."""
        return self.states.dtype

    def read(
        self,
        split: Split,
        start: int,
        stop: int,
        layers: Sequence[int],
        out: np.ndarray | None = None,
    ) -> np.ndarray:
        """Vectors of words `start` to `stop`: see `Vectors`."""
        if split != "train":
            return self.states.read(split, start, stop, layers, out)
        if out is None:
            out = np.empty((len(layers), stop - start, self.dim), dtype=self.dtype)
        places = self.places[start:stop]
        filled = 0
        for run in np.split(places, np.flatnonzero(np.diff(places) != 1) + 1):
            part = out[:, filled : filled + len(run)]
            self.states.read(split, int(run[0]), int(run[-1]) + 1, layers, part)
            filled += len(run)
        return out


def cut(states: States, sentences: int | None, layers: Sequence[int]) -> Cut:
    """About `sentences` training sentences spread evenly over the split, or all; whole documents
    where these are read.

    Raises ValueError where the split has fewer.
    """
    train = states.corpus.splits["train"]
    if sentences is None:
        kept = np.arange(len(train))
    elif sentences > len(train):
        raise ValueError(
            f"'{states.corpus.name}' has {len(train)} training sentences, not {sentences}"
        )
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
