"""Mapped states: a checkpoint after, as probes trained on the one before can read it.

Maps are fitted on a sample of training words that both checkpoints have.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

import numpy as np

from probekit.forgetting import maps
from probekit.states.vectors import Vectors

MAP_WORDS = 16_384  # training words that maps are fitted on
CHUNK = 256  # words of each run of them; runs come from all over the split
PLAIN = "as it is"


def mapped_states(
    before: Vectors, after: Vectors, layers: Sequence[tuple[int, int]], lost: Collection[int]
) -> dict[str, maps.MappedStates]:
    """`after` in the place of `before`: PLAIN, and through each map fitted on training words.

    Args:
        before: states of the layers that the probes were trained on.
        after: the states mapped.
        layers: (layer before, layer after) of each pair.
        lost: positions of training words that lack a vector in one of the two.
    """
    fitted = fitted_maps(before, after, layers, lost)
    first_before, first_after = layers[0]
    # Layers without a partner read any other layer: their predictions are not used.
    partner = dict(layers)
    place = {layer: partner.get(layer, first_after) for layer in before.layers}
    found: dict[str, maps.MappedStates] = {}
    if before.dim == after.dim:
        found[PLAIN] = maps.MappedStates(after, place, {}, before.dim)
    any_maps = fitted[first_before]
    for name in any_maps:
        of_layer = {layer: fitted.get(layer, any_maps)[name] for layer in before.layers}
        found[name] = maps.MappedStates(after, place, of_layer, before.dim)
    return found


def fitted_maps(
    before: Vectors, after: Vectors, layers: Sequence[tuple[int, int]], lost: Collection[int]
) -> dict[int, dict[str, maps.LinearMap]]:
    """For each layer before, the maps to it from its partner, by name."""
    positions = np.concatenate([np.arange(start, stop) for start, stop in _chunks(before)])
    shared = ~np.isin(positions, [*lost])
    fitted = {}
    for layer, layer_after in layers:
        source = _sample(after, layer_after)[shared]
        target = _sample(before, layer)[shared]
        fitted[layer] = maps.linear_maps(source, target)
    return fitted


def _chunks(states: Vectors) -> list[tuple[int, int]]:
    """Where each run of the sample starts and stops, in words of training."""
    words = int(states.corpus.offsets("train")[-1])
    if words < CHUNK:
        return [(0, words)]
    every = max(CHUNK, CHUNK * (words // MAP_WORDS))
    return [(start, start + CHUNK) for start in range(0, words - CHUNK + 1, every)]


def _sample(states: Vectors, layer: int) -> np.ndarray:
    """The vectors of the sample, `(n, dim)` in float32."""
    parts = []
    for start, stop in _chunks(states):
        (values,) = states.read("train", start, stop, [layer])
        parts.append(values)
    return np.concatenate(parts).astype(np.float32)
