"""Vectors: what every room above reads, wherever the numbers lie.

Stored states, arrays in memory, and a checkpoint seen through a map are all Vectors.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np

from probekit.corpora.passage import Context, Corpus, Split


class Vectors(Protocol):
    """One vector per word and layer."""

    @property
    def corpus(self) -> Corpus:
        """The words."""

    @property
    def context(self) -> Context:
        """What the model read in one pass."""

    @property
    def layers(self) -> Sequence[int]:
        """The numbers of the layers."""

    @property
    def dim(self) -> int:
        """Width of a vector."""

    @property
    def dtype(self) -> str:
        """Type of the numbers that `read` returns."""

    def read(
        self,
        split: Split,
        start: int,
        stop: int,
        layers: Sequence[int],
        out: np.ndarray | None = None,
    ) -> np.ndarray:
        """Vectors of the words from `start` up to `stop`, `(layers, stop - start, dim)`.

        Args:
            split: the split.
            start, stop: positions in the split.
            layers: numbers of the layers to read.
            out: an array of that shape and of `dtype` to write into; None for a new one.
        """
