"""The rank head: logistic regression that reads a few directions of a vector.

The weight matrix is a product of two, of `(dim, rank)` and `(rank, outputs)`: Hewitt and Liang 2019
(section 3) limit what a probe can learn by itself in this way.
"""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor

from probekit.errors import InputError
from probekit.probes.heads.head import (
    MOST_SIZE,
    Draw,
    Head,
    apply_second_map,
    second_map,
    whole_size,
)


class Rank(Head):
    """Two linear maps, the first one as narrow as the rank."""

    kind = "rank"
    usage = "rank:8"

    def __init__(self, size: str = "") -> None:
        rank = whole_size(size)
        if rank is None:
            raise InputError(
                f"a rank probe needs its rank, a whole number from 1 to {MOST_SIZE:,}, such as "
                "rank:8"
            )
        self.rank = rank

    @property
    def name(self) -> str:
        """With the rank."""
        return f"rank:{self.rank}"

    def width(self, outputs: int) -> int:
        """One column for each direction."""
        return self.rank

    def restricts(self, dim: int, outputs: int | None = None) -> bool:
        """A rank up to the width can be had; it restricts where it is below the width and the
        number of outputs, since no map has a higher one."""
        return self.rank <= dim if outputs is None else self.rank < min(dim, outputs)

    def initial(self, outputs: int, draw: Draw) -> dict[str, Tensor]:
        """The map from directions to outputs."""
        return second_map(self.rank, outputs, draw)

    def __call__(self, projected: Tensor, parameters: Mapping[str, Tensor]) -> Tensor:
        """The second map of the projection."""
        return apply_second_map(projected, parameters)
