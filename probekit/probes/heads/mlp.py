"""The MLP head: a perceptron with one hidden layer of rectified units: 64, or as many as given."""

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

HIDDEN = 64  # units, unless the name has another number


class MLP(Head):
    """A linear map, rectified, and a second one."""

    kind = usage = "mlp"
    sized = True
    freedom = 10.0

    def __init__(self, size: str = "") -> None:
        hidden = whole_size(size) if size else HIDDEN
        if hidden is None:
            raise InputError(
                f"an mlp probe's size is its number of hidden units, from 1 to {MOST_SIZE:,}, such "
                "as mlp:32"
            )
        self.hidden = hidden

    @property
    def name(self) -> str:
        """With the hidden units, unless they are as many as by default."""
        return self.kind if self.hidden == HIDDEN else f"{self.kind}:{self.hidden}"

    def width(self, outputs: int) -> int:
        """One column for each hidden unit."""
        return self.hidden

    def initial(self, outputs: int, draw: Draw) -> dict[str, Tensor]:
        """The map from hidden units to outputs."""
        return second_map(self.hidden, outputs, draw)

    def __call__(self, projected: Tensor, parameters: Mapping[str, Tensor]) -> Tensor:
        """The second map of the rectified projection."""
        return apply_second_map(projected.relu(), parameters)
