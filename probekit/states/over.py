"""Over: vectors that are made of other vectors of the same words and layers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from probekit.corpora.passage import Context
from probekit.states.vectors import Vectors


@dataclass(frozen=True)
class Over:
    """What `Vectors` have from those they are made of; the corpus and `read` are their own.

    Attributes:
        whole: the vectors that are read.
    """

    whole: Vectors

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
