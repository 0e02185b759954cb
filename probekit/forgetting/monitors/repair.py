"""Repair: a linear map from after's states to before's, folded into a saved probe.

No label is used: maps are fitted on training words, and of several the one is chosen with which the
probe says most often on dev what it said of the checkpoint before.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from probekit.forgetting.maps import LinearMap
from probekit.probes.saved.origin import origin_of
from probekit.probes.saved.outputs import outputs
from probekit.probes.saved.saved_probe import SavedProbe
from probekit.states.states import States
from probekit.tasks.question import Question


def folded(probe: SavedProbe, found: LinearMap, name: str, after: States) -> SavedProbe:
    """The probe that reads x as `probe` reads the map of x: one first map in place of two.

    (x − source) @ M + target, times W, is x @ (M W) + (target − source M) W. The last part is the
    same for every word, and so for every weighted mean of words: it goes into the bias. Scores of
    attention need no such part, since a constant changes no weight.

    Args:
        probe: that reads the vectors mapped to.
        found: the map.
        name: of the map.
        after: the states that the map takes.
    """
    matrix = found.matrix.astype(np.float64)
    shift = found.target.astype(np.float64) - found.source.astype(np.float64) @ matrix
    weight = probe.weight.astype(np.float64)
    bias = probe.bias + (shift @ weight).sum(axis=0)
    attention = None
    if probe.attention is not None:
        attention = (probe.attention.astype(np.float64) @ matrix.T).astype(np.float32)
    fit = probe.origin.fit
    return replace(
        probe,
        weight=(matrix @ weight).astype(np.float32),
        bias=bias.astype(np.float32),
        attention=attention,
        origin=replace(origin_of(f"repaired by {name}", after), fit=fit),
    )


def repaired(
    probe: SavedProbe,
    maps: Mapping[str, LinearMap],
    states: tuple[States, States],
    question: Question,
) -> tuple[str, SavedProbe]:
    """The name of the map that serves the probe best, and the probe with it folded in.

    Args:
        probe: trained on the checkpoint before.
        maps: from after to before, at its layer, the simplest first.
        states: of the checkpoint before and the one after.
        question: its task; of its instances in dev only the words are read.
    """
    before, after = states
    said = outputs(probe, before, question, "dev").argmax(axis=1)
    best: tuple[str, SavedProbe] | None = None
    highest = -1
    for name, found in maps.items():
        candidate = folded(probe, found, name, after)
        agreeing = int((outputs(candidate, after, question, "dev").argmax(axis=1) == said).sum())
        if agreeing > highest:
            best, highest = (name, candidate), agreeing
    assert best is not None
    return best
