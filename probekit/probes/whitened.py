"""Whitened: words of some layers in the coordinates of their probes, in memory.

Probes are trained in coordinates that are the states times a matrix (see `scaling`). The fit multiplies either the
weights by that matrix at every step, or the words once. On small corpora, which take many steps, the latter is less
work.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import torch

from probekit.corpora.passage import SPLITS, Corpus, Split
from probekit.probes.batches import Vectors
from probekit.probes.scaling import Scaling
from probekit.tasks.task import Context

MOST_BYTES = 1 << 29  # of one group of layers
READ_WORDS = 4_096


@dataclass(frozen=True)
class Whitened:
    """`Vectors` of a few layers: `(x - mean) @ basis`, float32.

    Attributes:
        values: `(layers, words, dim)` of each split.
    """

    corpus: Corpus
    context: Context
    layers: Sequence[int]
    dim: int
    values: dict[Split, np.ndarray] = field(repr=False)
    dtype: str = "float32"

    @classmethod
    def of(cls, states: Vectors, layers: Sequence[int], scaling: Scaling) -> Whitened:
        """The words of `states` in the coordinates of `scaling`, which must be the same for every task."""
        basis = scaling.bases[0]
        assert basis is not None
        mean, basis = scaling.mean.cpu(), basis.cpu()
        values = {split: _values(states, split, layers, mean, basis) for split in SPLITS}
        return cls(states.corpus, states.context, tuple(layers), states.dim, values)

    def read_into(self, out: np.ndarray, split: Split, start: int, layers: Sequence[int]) -> None:
        """Fill `out`, `(layers, words, dim)`, with the vectors of the words from `start` on."""
        numbers = [self.layers.index(layer) for layer in layers]
        out[:] = self.values[split][numbers, start : start + out.shape[1]]


def n_words(states: Vectors) -> int:
    """Words of all splits."""
    return sum(int(states.corpus.offsets(split)[-1]) for split in SPLITS)


def _values(
    states: Vectors, split: Split, layers: Sequence[int], mean: torch.Tensor, basis: torch.Tensor
) -> np.ndarray:
    n = int(states.corpus.offsets(split)[-1])
    values = np.empty((len(layers), n, states.dim), dtype=np.float32)
    for start in range(0, n, READ_WORDS):
        part = values[:, start : start + READ_WORDS]
        words = np.empty(part.shape, dtype=states.dtype)
        states.read_into(words, split, start, layers)
        torch.bmm(torch.from_numpy(words).float() - mean, basis, out=torch.from_numpy(part))
    return values
