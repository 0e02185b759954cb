"""Over: vectors that are made of other vectors of the same words and layers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from probekit.corpora.passage import Context, Corpus, Split
from probekit.states.vectors import Vectors


@dataclass(frozen=True)
class Over:
    """What `Vectors` have from those they are made of; how they are made is their own, in `fill`.

    Attributes:
        whole: the vectors that are read.
    """

    whole: Vectors

    @property
    def corpus(self) -> Corpus:
        """The words."""
        return self.whole.corpus

    @property
    def context(self) -> Context:
        """What was read in one pass."""
        return self.whole.context

    @property
    def layers(self) -> Sequence[int]:
        """The numbers of the layers."""
        return self.whole.layers

    @property
    def dim(self) -> int:
        """Width of a vector."""
        return self.whole.dim

    @property
    def dtype(self) -> str:
        """Type of the numbers."""
        return self.whole.dtype

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
        self.fill(out, split, start, layers)
        return out

    def fill(self, out: np.ndarray, split: Split, start: int, layers: Sequence[int]) -> None:
        """Write the vectors of the words from `start` on into `out`, `(layers, words, dim)`."""
        raise NotImplementedError
