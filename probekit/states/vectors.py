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
        """What was read in one pass."""

    @property
    def layers(self) -> Sequence[int]:
        """The layers there are."""

    @property
    def dim(self) -> int:
        """Width of a vector."""

    @property
    def dtype(self) -> str:
        """Of the numbers that `read` gives."""

    def read(
        self,
        split: Split,
        start: int,
        stop: int,
        layers: Sequence[int],
        out: np.ndarray | None = None,
    ) -> np.ndarray:
        """Vectors of words `start` to `stop`, as positions in the split: `(layers, stop - start,
        dim)`.

        They are written into `out` where it is given, an array of that shape and of `dtype`.
        """
