"""Through maps: what the probes before predict from the states after, through each map."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from probekit.forgetting.layers import layer_pairs
from probekit.forgetting.mapped_states import mapped_states
from probekit.probes.fit import predict
from probekit.probes.fitted import Fitted
from probekit.states.states import States
from probekit.states.vectors import Vectors


class Predicted(NamedTuple):
    """What old probes predict, by pair of layers.

    Attributes:
        dev, test: `(pairs, seeds, n)` labels each.
    """

    dev: np.ndarray
    test: np.ndarray


ByMap = dict[str, Predicted]
"""What the old probes of a task predict through each map."""


def through_maps(
    states: tuple[States, States], at_hand: tuple[Vectors, Vectors], fitted: Sequence[Fitted]
) -> list[ByMap]:
    """What the old probes of each task predict through each map.

    Args:
        states: of the checkpoint before and the one after.
        at_hand: their vectors, of which those of some layers may be in memory.
        fitted: the probes of each task on the first, of layers that are.

    Raises InputError where the two were read at layers of which no two are a pair.
    """
    before, after = states
    trained = fitted[0].layers
    layers = [(layer, other) for layer, other in layer_pairs(before, after) if layer in trained]
    places = [trained.index(layer) for layer, _ in layers]
    lost = {*before.without_vector["train"], *after.without_vector["train"]}
    found: list[ByMap] = [{} for _ in fitted]
    for name, vectors in mapped_states(*at_hand, layers, lost).items():
        dev, test = predict(fitted, vectors, "dev"), predict(fitted, vectors, "test")
        for t, of_task in enumerate(found):
            of_task[name] = Predicted(dev[t][places], test[t][places])
    return found


def joined_maps(parts: Sequence[ByMap]) -> ByMap:
    """Predictions of one task for different pairs of layers as one."""
    found: ByMap = {}
    for name in parts[0]:
        dev, test = zip(*[part[name] for part in parts], strict=True)
        found[name] = Predicted(np.concatenate(dev), np.concatenate(test))
    return found
