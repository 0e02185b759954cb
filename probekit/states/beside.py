"""Beside: the vectors of every layer, each joined to those of one given layer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from probekit.corpora.passage import Corpus, Split
from probekit.states.over import Over


@dataclass(frozen=True)
class Beside(Over):
    """`Vectors` of twice the width: those of the given layer, then those of the layer itself.

    The given layer stands beside itself. It says nothing more in that way, but is as wide as the
    others.

    Attributes:
        given: the number of the layer that is joined to every one.
    """

    given: int

    @property
    def corpus(self) -> Corpus:
        """The words."""
        return self.whole.corpus

    @property
    def dim(self) -> int:
        """Width of a vector: that of two layers."""
        return 2 * self.whole.dim

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
        width = self.whole.dim
        out[:, :, :width] = self.whole.read(split, start, stop, [self.given])
        out[:, :, width:] = self.whole.read(split, start, stop, layers)
        return out
