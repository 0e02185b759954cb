"""Tree arrays: trained structural probes as named arrays with a description, and back (see
`fitted_arrays`)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch

from probekit.probes.fitted_arrays import Arrays, within
from probekit.probes.structural.fitted_trees import Counts, FittedTrees, WordMaps
from probekit.tasks.trees import TreeQuestion

_COUNTS = ("test", "dev", "refitted")
_NUMBERS = ("dev_loss", "epochs")


def arrays_of_trees(fits: Sequence[FittedTrees]) -> tuple[Arrays, dict[str, Any]]:
    """Probes that were trained together, as arrays by name, and what else they are.

    Args:
        fits: the probes of each task.
    """
    first = fits[0]
    arrays: Arrays = {}
    for t, fitted in enumerate(fits):
        for part in _COUNTS:
            counts: Counts = getattr(fitted, part) or {}
            for metric, values in counts.items():
                arrays[f"{t}/{part}/{metric}"] = values
        for name in _NUMBERS:
            arrays[f"{t}/{name}"] = getattr(fitted, name)
        for number, (_, maps) in enumerate(fitted.maps):
            arrays[f"{t}/weights {number}"] = maps.weights.cpu().numpy()
            arrays[f"{t}/bias {number}"] = maps.bias.cpu().numpy()
    described = {
        "kind": first.kind,
        "ranks": [fitted.rank for fitted in fits],
        "layers": first.layers,
        "seeds": first.seeds,
        "maps": [layers for layers, _ in first.maps],
    }
    return arrays, described


def trees_of(
    arrays: Mapping[str, np.ndarray],
    described: Mapping[str, Any],
    questions: Sequence[TreeQuestion],
) -> list[FittedTrees]:
    """The probes of each task, from what `arrays_of_trees` gave.

    Args:
        arrays, described: what it gave.
        questions: those that the probes answer, in the same order.
    """
    seeds = tuple(described["seeds"])
    found = []
    for t, question in enumerate(questions):
        maps = []
        for number, layers in enumerate(described["maps"]):
            weights = torch.from_numpy(arrays[f"{t}/weights {number}"])
            bias = torch.from_numpy(arrays[f"{t}/bias {number}"])
            maps.append((tuple(layers), WordMaps(weights, bias, len(seeds))))
        fitted = FittedTrees(
            question,
            described["kind"],
            described["ranks"][t],
            tuple(described["layers"]),
            seeds,
            test=within(arrays, f"{t}/test/"),
            dev=within(arrays, f"{t}/dev/"),
            dev_loss=arrays[f"{t}/dev_loss"],
            epochs=arrays[f"{t}/epochs"],
            maps=tuple(maps),
            refitted=within(arrays, f"{t}/refitted/") or None,
        )
        found.append(fitted)
    return found
