"""Compare two: the rows of one checkpoint compared with the first, in every table."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from probekit.forgetting.breakdown import breakdown
from probekit.forgetting.compare_settings import CompareSettings
from probekit.forgetting.comparison_rows import Compared
from probekit.forgetting.decompose import decompose
from probekit.forgetting.differences import at_best_layers, at_each_layer
from probekit.forgetting.findings import Findings
from probekit.forgetting.flipped import flipped_instances
from probekit.forgetting.probe_pair import ProbePair
from probekit.forgetting.similarity import few_dimensions, similarities
from probekit.forgetting.through_maps import ByMap
from probekit.states.states import States
from probekit.stats import paired


class Measured(NamedTuple):
    """What was measured of the states of two checkpoints.

    Attributes:
        through: what the old probes of each task predict through each map.
        samples: vectors before and after of the same words, for their similarity.
    """

    through: list[ByMap]
    samples: tuple[np.ndarray, np.ndarray]


def compare_two(
    found: Findings,
    about: Compared,
    states: tuple[States, States],
    measured: Measured,
    pairs: Sequence[ProbePair],
    settings: CompareSettings,
) -> None:
    """Add the rows of two checkpoints to every table.

    Args:
        found: what was found so far.
        about: the two checkpoints.
        states: of the checkpoint before and the one after.
        measured: what was measured of them.
        pairs: the probes of each task.
        settings: of the whole comparison.
    """
    before, after = states
    cells = settings.n_comparisons * (len(pairs[0].layers) + 1)
    permutations = paired.permutations_for(cells)
    report = settings.probing.progress
    report("differences", 0, len(pairs))
    for number, (pair, through) in enumerate(zip(pairs, measured.through, strict=True), start=1):
        with found.timed("bootstrap and permutation"):
            best = at_best_layers(pair, permutations)
            found.best.append(best)
            found.comparison += at_each_layer(pair, permutations)
            for other in pair.by_other_metrics():
                found.other_metrics += at_each_layer(other, permutations)
            found.by_label += breakdown(pair, best.layer_probed, before.corpus, settings.correction)
        best_layers = (best.layer_before, best.layer_after)
        probed = (best.layer_probed, dict(pair.layers)[best.layer_probed])
        for layers in dict.fromkeys((best_layers, probed)):
            found.flipped += flipped_instances(pair, layers, before.corpus)
        with found.timed("decomposition"):
            found.decomposition += decompose(pair, through)
        report("differences", number, len(pairs))
    with found.timed("similarity"):
        similarity = similarities(about, states, measured.samples)
        found.similarity += similarity
    found.warnings += few_dimensions(before.model, after.model, similarity)
