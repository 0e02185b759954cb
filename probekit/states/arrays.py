"""Arrays: vectors in memory."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from probekit.corpora.passage import Context, Corpus, Split


@dataclass(frozen=True)
class Arrays:
    """Vectors of a corpus in memory.

    Attributes:
        corpus: the words.
        layers: the numbers of the layers.
        values: `(layers, words, dim)` by split, of one type.
        context: what the model read in one pass.
    """

    corpus: Corpus
    layers: tuple[int, ...]
    values: Mapping[Split, np.ndarray] = field(repr=False)
    context: Context = "sentence"

    @property
    def dim(self) -> int:
        """Width of a vector."""
        return self._any.shape[2]

    @property
    def dtype(self) -> str:
        """Type of the numbers."""
        return str(self._any.dtype)

    @property
    def _any(self) -> np.ndarray:
        return next(iter(self.values.values()))

    def read(
        self,
        split: Split,
        start: int,
        stop: int,
        layers: Sequence[int],
        out: np.ndarray | None = None,
    ) -> np.ndarray:
        """Vectors of words `start` to `stop`: see `Vectors`."""
        if out is None:
            out = np.empty((len(layers), stop - start, self.dim), dtype=self.dtype)
        for i, layer in enumerate(layers):
            out[i] = self.values[split][self.layers.index(layer), start:stop]
        return out
