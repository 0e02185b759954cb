"""Layers: which layer of one checkpoint is compared with which of another."""

from __future__ import annotations

from collections.abc import Iterator

from probekit.errors import InputError
from probekit.states.layers_text import layers_text
from probekit.states.states import States


def layer_pairs(before: States, after: States) -> list[tuple[int, int]]:
    """Pairs of a layer before and a layer after.

    They have the same number where both models have the same number of layers, else the same
    relative depth: 12 blocks and 6 blocks give 0 with 0, 6 with 3, 12 with 6. Halves are rounded
    up. Layers whose partner was not read are left out.

    Raises InputError where no pair is left.
    """
    pairs = partners(before, after)
    if not pairs:
        raise InputError(
            f"'{before.model}' and '{after.model}' were read at layers of which no two have the "
            "same relative depth"
        )
    return pairs


def without_partner(before: States, after: States) -> Iterator[str]:
    """A warning where layers before have no partner among those read after."""
    paired = [layer for layer, _ in partners(before, after)]
    alone = [str(layer) for layer in before.layers if layer not in paired]
    if alone:
        yield f"no layer of {after.model} is paired with {layers_text(alone)} of {before.model}"


def partners(first: States, second: States) -> list[tuple[int, int]]:
    """Each layer of `first` with the one of `second` at the same relative depth, if it was read."""
    last_first, last_second = max(first.n_layers - 1, 1), second.n_layers - 1
    pairs = [
        (layer, (2 * layer * last_second + last_first) // (2 * last_first))
        for layer in first.layers
    ]
    return [(a, b) for a, b in pairs if b in second.layers]
