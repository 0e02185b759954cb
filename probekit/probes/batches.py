"""Batches: runs of neighbouring sentences, so that states are read in slices and never gathered."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch

from probekit.corpora.passage import Split
from probekit.engine.streams import sent
from probekit.states.tensors import taken
from probekit.states.vectors import Vectors
from probekit.tasks.question import Instances

RUN_WORDS = 256  # a batch is several such runs from all over the split


Transform = Callable[[torch.Tensor], torch.Tensor]
"""From vectors `(layers, words, dim)` to others of the same words."""


@dataclass(frozen=True)
class Batch:
    """Several runs of words, and the instances of every task in them.

    Attributes:
        states: `(layers, words, dim)`, float32.
        spans: for each task `(n, arity, 2)`, as positions in the batch; on the CPU, so that nobody
            waits for a GPU to learn what they are like.
        labels: for each task `(n,)`.
        weights: for each task `(n,)`, or None where every instance counts once.
    """

    states: torch.Tensor
    spans: list[torch.Tensor]
    labels: list[torch.Tensor]
    weights: list[torch.Tensor | None]


class Runs:
    """One split's words, cut into runs that no instance crosses.

    Args:
        states: what is read.
        split: the split.
        instances: of each task, over this split.
        transform: applied to the vectors of every batch; None to leave them as they are.
    """

    def __init__(
        self,
        states: Vectors,
        split: Split,
        instances: Sequence[Instances],
        transform: Transform | None = None,
    ) -> None:
        self.states, self.split, self.instances = states, split, instances
        self._transform = transform
        units = _units(states, split)
        self.borders = _borders(units)
        self._first = [np.searchsorted(units[x.read], self.borders) for x in instances]

    def __len__(self) -> int:
        return len(self.borders) - 1

    @property
    def n_words(self) -> int:
        """Words of the split."""
        return int(self.borders[-1])

    @cached_property
    def _lengths(self) -> np.ndarray:
        return np.diff(self.borders)

    def batches(
        self,
        words: int,
        layers: Sequence[int],
        device: torch.device,
        order: np.random.Generator | None = None,
    ) -> Iterator[Batch]:
        """Every run once, in batches of about `words` words; shuffled where `order` is given."""
        runs = np.arange(len(self)) if order is None else order.permutation(len(self))
        filled = np.cumsum(self._lengths[runs])
        # Cut at even shares of the whole, so that no batch is left nearly empty at the end.
        n = max(1, round(self.n_words / words))
        for part in np.split(runs, np.searchsorted(filled, self.n_words * np.arange(1, n) / n)):
            if len(part):
                yield self._batch(part.tolist(), layers, device)

    def samples(self, words: int, layers: Sequence[int], device: torch.device) -> Iterator[Batch]:
        """About `words` words, or all, in runs spread evenly over the split."""
        every = max(1, self.n_words // words)
        for run in range(0, len(self), every):
            yield self._batch([run], layers, device)

    def _batch(self, runs: list[int], layers: Sequence[int], device: torch.device) -> Batch:
        slices = [(int(self.borders[run]), int(self.borders[run + 1])) for run in runs]
        vectors = taken(self.states, self.split, slices, layers).to(device).float()
        if self._transform is not None:
            vectors = self._transform(vectors)
        spans, labels, weights = [], [], []
        shifts = np.cumsum([0] + [b - a for a, b in slices])
        for instances, first in zip(self.instances, self._first, strict=True):
            rows = [np.arange(first[run], first[run + 1]) for run in runs]
            shift = np.repeat(shifts[:-1] - self.borders[runs], [len(row) for row in rows])
            row = np.concatenate(rows)
            read = instances.read_spans[row]
            spans.append(torch.from_numpy(read + shift[:, None, None]))
            labels.append(sent(torch.from_numpy(instances.labels[row]), device))
            weights.append(_weights(instances, row, device))
        return Batch(vectors, spans, labels, weights)


def _weights(instances: Instances, rows: np.ndarray, device: torch.device) -> torch.Tensor | None:
    if instances.weights is None:
        return None
    return sent(torch.from_numpy(instances.weights[rows]), device)


def _units(states: Vectors, split: Split) -> np.ndarray:
    """Where passages (or documents, if documents are read) begin, and the end: `(units + 1,)`."""
    offsets = states.corpus.offsets(split)
    if states.context == "sentence":
        return offsets
    documents = states.corpus.splits[split].document_numbers()
    return np.append(offsets[np.flatnonzero(np.diff(documents, prepend=-1))], offsets[-1])


def _borders(units: np.ndarray) -> np.ndarray:
    """Ends of units at least RUN_WORDS apart: `(runs + 1,)`."""
    borders = [0]
    for end in units[1:].tolist():
        if end - borders[-1] >= RUN_WORDS or (end == units[-1] and end > borders[-1]):
            borders.append(end)
    return np.array(borders, dtype=np.int64)
