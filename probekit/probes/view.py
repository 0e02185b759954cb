"""View: which layers a probe reads, and how they are combined."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, NamedTuple

Combine = Literal["single", "mix"]


class View(NamedTuple):
    """The layers that a probe reads.

    Attributes:
        layers: their numbers, in ascending order.
        combine: `single`, one layer; `mix`, a learned average of several (see `mixture`).
    """

    layers: tuple[int, ...]
    combine: Combine = "single"

    @property
    def layer(self) -> int:
        """The highest layer that is read."""
        return self.layers[-1]


def single_layers(layers: Sequence[int]) -> tuple[View, ...]:
    """A view of each layer.

    >>> single_layers([0, 6])
    (View(layers=(0,), combine='single'), View(layers=(6,), combine='single'))
    """
    return tuple(View((layer,)) for layer in layers)


def cumulative_mixes(layers: Sequence[int]) -> tuple[View, ...]:
    """Mixes of the lowest two layers, the lowest three, and so on to all of them.

    >>> cumulative_mixes([0, 1, 2])
    (View(layers=(0, 1), combine='mix'), View(layers=(0, 1, 2), combine='mix'))
    """
    ordered = tuple(sorted(layers))
    return tuple(View(ordered[:n], "mix") for n in range(2, len(ordered) + 1))
