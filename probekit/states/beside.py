"""Beside: the vectors of every layer, each joined to those of one given layer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from probekit.corpora.passage import Split
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
    def dim(self) -> int:
        """Width of a vector: that of two layers."""
        return 2 * self.whole.dim

    def fill(self, out: np.ndarray, split: Split, start: int, layers: Sequence[int]) -> None:
        """See `Over`."""
        stop = start + out.shape[1]
        width = self.whole.dim
        out[:, :, :width] = self.whole.read(split, start, stop, [self.given])
        out[:, :, width:] = self.whole.read(split, start, stop, layers)
