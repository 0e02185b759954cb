"""Head: what a kind of probe is made of.

Every probe begins with a linear map of words. It is kept in one matrix with those of all other
probes (see `stack`). A head says how wide that map is, and what becomes of its output.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import ClassVar, Protocol

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from probekit.errors import InputError
from probekit.tasks.task import Task

MOST_SIZE = 1 << 16  # of what a probe's name may ask for


class Draw(Protocol):
    """Draws initial weights, different ones for each name."""

    def __call__(self, name: str, shape: tuple[int, int]) -> Tensor:
        """Uniform in ±1/sqrt(rows), `(rows, columns)`."""


class Head(ABC):
    """A kind of probe. Shapes: L views, n instances, S seeds.

    Args:
        size: what stands after the colon of its name.

    Attributes:
        kind: its entry in HEADS.
        usage: its name as people give it.
        sized: whether a size may follow, which `usage` lacks.
        freedom: C, the inverse of its penalty, as a multiple of a linear probe's.

    Raises InputError for a size that the kind does not have.
    """

    kind: ClassVar[str]
    usage: ClassVar[str]
    sized: ClassVar[bool] = False
    freedom: ClassVar[float] = 1.0

    def __init__(self, size: str = "") -> None:
        if size:
            raise InputError(f"the probe '{self.kind}' takes no size, such as '{size}'")

    @property
    def name(self) -> str:
        """What results call it."""
        return self.kind

    def reads(self, task: Task) -> Task:
        """The task with what the kind makes of spans, where that is not left to the task."""
        return task

    @abstractmethod
    def width(self, outputs: int) -> int:
        """Columns of the linear map that the probe begins with, for so many outputs."""

    def restricts(self, dim: int, outputs: int | None = None) -> bool:
        """Whether what sets it apart from its wider forms has an effect on vectors so wide, and
        for so many outputs."""
        return True

    def initial(self, outputs: int, draw: Draw) -> dict[str, Tensor]:
        """One probe's parameters after that map. Names with `bias` in them have no penalty."""
        return {}

    @abstractmethod
    def __call__(self, projected: Tensor, parameters: Mapping[str, Tensor]) -> Tensor:
        """Outputs `(L, n, S, outputs)` from projected instances `(L, n, S, width)`.

        `parameters` are those of `initial` for every view and seed, `(L, S, …)` each.
        """

    def in_training(
        self, projected: Tensor, parameters: Mapping[str, Tensor], noise: torch.Generator
    ) -> Tensor:
        """Outputs while it is trained, where they differ: `noise` is what dropout is drawn from."""
        return self(projected, parameters)

    def loss(self, output: Tensor, target: Tensor) -> Tensor:
        """Cross-entropy in nats of each instance, `(L, n, S)`: of outputs `(L, n, S, outputs)`
        against classes `(n,)`."""
        layers, n, seeds, outputs = output.shape
        every = target[None, :, None].expand(layers, n, seeds).reshape(-1)
        each = cross_entropy(output.reshape(-1, outputs), every, reduction="none")
        return each.view(layers, n, seeds)

    def predict(self, output: Tensor) -> Tensor:
        """The class of each instance, `(L, n, S)`, from outputs `(L, n, S, outputs)`."""
        return output.argmax(-1)


def whole_size(size: str) -> int | None:
    """The number after the colon of a probe's name, from 1 to MOST_SIZE; None for anything else.

    >>> whole_size("32"), whole_size("0"), whole_size("65537")
    (32, None, None)
    """
    is_number = size.isdecimal() and len(size) < 10 and 1 <= int(size) <= MOST_SIZE
    return int(size) if is_number else None


def second_map(inputs: int, outputs: int, draw: Draw) -> dict[str, Tensor]:
    """Initial parameters of `apply_second_map`, of one probe."""
    return {"second": draw("second", (inputs, outputs)), "second_bias": torch.zeros(outputs)}


def apply_second_map(values: Tensor, parameters: Mapping[str, Tensor]) -> Tensor:
    """An affine map: `(L, n, S, outputs)` from `(L, n, S, inputs)`."""
    product = torch.einsum("lnsh,lshc->lnsc", values, parameters["second"])
    return product + parameters["second_bias"].unsqueeze(1)
