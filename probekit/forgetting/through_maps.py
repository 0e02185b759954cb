"""Through maps: what the probes before predict from the states after, through each map."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from probekit.corpora.passage import Split
from probekit.forgetting.layers import layer_pairs
from probekit.forgetting.mapped_states import mapped_states
from probekit.probes.fit import predict
from probekit.probes.fitted import Fitted
from probekit.probes.structural.fitted_trees import FittedTrees
from probekit.probes.structural.tree_fit import predict_trees
from probekit.progress import Progress
from probekit.states.states import States
from probekit.states.vectors import Vectors


class Predicted(NamedTuple):
    """What old probes predict, by pair of layers.

    Attributes:
        dev, test: `(pairs, seeds, n)` labels each; of trees counts `(pairs, seeds, n, k)`.
    """

    dev: np.ndarray
    test: np.ndarray


ByMap = dict[str, Predicted]
"""What the old probes of a task predict through each map."""


def through_maps(
    states: tuple[States, States],
    at_hand: tuple[Vectors, Vectors],
    fitted: Sequence[Fitted],
    trees: Sequence[FittedTrees],
    progress: Progress,
) -> list[ByMap]:
    """What the old probes of each task predict through each map.

    Args:
        states: of the checkpoint before and the one after.
        at_hand: their vectors, of which those of some layers may be in memory.
        fitted, trees: the probes of each task on the first, of layers that are.
        progress: called with the stage, the maps read through and how many there are.

    Raises InputError where the two were read at layers of which no two are a pair.
    """
    before, after = states
    trained = fitted[0].layers if fitted else trees[0].layers
    layers = [(layer, other) for layer, other in layer_pairs(before, after) if layer in trained]
    places = [trained.index(layer) for layer, _ in layers]
    lost = {*before.without_vector["train"], *after.without_vector["train"]}
    found: list[ByMap] = [{} for _ in (*fitted, *trees)]
    progress("old probes", 0, 1)
    mapped = mapped_states(*at_hand, layers, lost)
    for number, (name, vectors) in enumerate(mapped.items(), start=1):
        dev, test = (_predicted(fitted, trees, vectors, split) for split in ("dev", "test"))
        for of_task, on_dev, on_test in zip(found, dev, test, strict=True):
            of_task[name] = Predicted(on_dev[places], on_test[places])
        progress("old probes", number, len(mapped))
    return found


def _predicted(
    fitted: Sequence[Fitted], trees: Sequence[FittedTrees], vectors: Vectors, split: Split
) -> list[np.ndarray]:
    """What the probes of each task predict."""
    labels = predict(fitted, vectors, split) if fitted else []
    return labels + (predict_trees(trees, vectors, split) if trees else [])


def joined_maps(parts: Sequence[ByMap]) -> ByMap:
    """Predictions of one task for different pairs of layers as one."""
    found: ByMap = {}
    for name in parts[0]:
        dev, test = zip(*[part[name] for part in parts], strict=True)
        found[name] = Predicted(np.concatenate(dev), np.concatenate(test))
    return found
