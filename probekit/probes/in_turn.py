"""In turn: states in the portions in which probes are trained on them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from probekit.engine.current import current
from probekit.engine.engine import Threads
from probekit.errors import InputError
from probekit.probes.view import View, single_layers
from probekit.states.settings import ExtractSettings
from probekit.states.states import States
from probekit.states.sweep import LAYERS, Held, Sweep
from probekit.states.vectors import Vectors

SEVERAL = ("mix", "beyond")
"""The kinds of evidence whose probes read several layers at once."""


def in_turn(states: Vectors, is_alone: bool = True) -> Iterator[tuple[Vectors, tuple[View, ...]]]:
    """Vectors, and the single layers that can be read of them.

    All at once; of a sweep the layers that are in memory, which the next portion overwrites.
    Sweeps that advance together, so that none is alone, have the same portions.
    """
    if isinstance(states, Held):
        yield states, single_layers(states.now)
        return
    if isinstance(states, States) and isinstance(states.values, Sweep):
        for held in states.values.in_turn(None if is_alone else LAYERS):
            yield held, single_layers(held.now)
    else:
        yield states, single_layers(states.layers)


def require_single_layers(settings: ExtractSettings | None, asked: Mapping[str, Any]) -> None:
    """Raise InputError where states are not kept, and probes of several layers or an engine with
    other processes are asked for."""
    if settings is None or settings.states == "stored":
        return
    if not isinstance(current(), Threads):
        raise InputError(
            "states='none' trains probes where the model runs: use engine='threads', or "
            "states='stored'"
        )
    for name in SEVERAL:
        if name in asked:
            raise InputError(
                f"`{name}` trains probes that read several layers at once, and states='none' has "
                "one layer in memory after another: use states='stored', or leave it out"
            )
