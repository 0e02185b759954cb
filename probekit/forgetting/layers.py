"""Layers: which layer of one checkpoint stands against which of another."""

from __future__ import annotations

from probekit.errors import InputError
from probekit.states.states import States


def layer_pairs(before: States, after: States) -> list[tuple[int, int]]:
    """(layer before, layer after): the same number where both models have as many layers, else the
    same relative depth.

    A model of 12 blocks against one of 6 pairs 0 with 0, 6 with 3, 12 with 6. Layers that one side
    did not keep are left out. Halves are rounded up.

    Raises InputError where no layer is left.
    """
    kept = partners(before, after)
    if not kept:
        raise InputError(
            f"'{before.model}' and '{after.model}' were read at layers of which no two stand side by side"
        )
    return kept


def partners(first: States, second: States) -> list[tuple[int, int]]:
    """Each layer of `first` with the one of `second` at the same relative depth, where that was
    kept."""
    last_first, last_second = max(first.n_layers - 1, 1), second.n_layers - 1
    pairs = [
        (layer, (2 * layer * last_second + last_first) // (2 * last_first))
        for layer in first.layers
    ]
    return [(a, b) for a, b in pairs if b in second.layers]
