"""The linear head: multinomial logistic regression."""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor

from probekit.probes.heads.head import Head


class Linear(Head):
    """The linear map alone."""

    kind = usage = "linear"

    def width(self, outputs: int) -> int:
        """One column for each output."""
        return outputs

    def __call__(self, projected: Tensor, parameters: Mapping[str, Tensor]) -> Tensor:
        """The projection itself."""
        return projected
