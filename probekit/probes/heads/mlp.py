"""The MLP head: a perceptron with one hidden layer of rectified units."""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor

from probekit.probes.heads.head import Draw, Head, apply_second_map, second_map

HIDDEN = 64  # units


class MLP(Head):
    """A linear map, rectified, and a second one."""

    kind = usage = "mlp"
    freedom = 10.0

    def width(self, outputs: int) -> int:
        """One column for each hidden unit."""
        return HIDDEN

    def initial(self, outputs: int, draw: Draw) -> dict[str, Tensor]:
        """The map from hidden units to outputs."""
        return second_map(HIDDEN, outputs, draw)

    def __call__(self, projected: Tensor, parameters: Mapping[str, Tensor]) -> Tensor:
        """The second map of the rectified projection."""
        return apply_second_map(projected.relu(), parameters)
