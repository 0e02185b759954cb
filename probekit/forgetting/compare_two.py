"""Compare two: the rows of one checkpoint compared with the first, in every table."""

from __future__ import annotations

from collections.abc import Sequence

from probekit.forgetting.breakdown import breakdown
from probekit.forgetting.comparison_rows import Compared
from probekit.forgetting.decompose import decompose
from probekit.forgetting.differences import at_best_layers, at_each_layer
from probekit.forgetting.findings import Findings
from probekit.forgetting.flipped import flipped_instances
from probekit.forgetting.probe_pair import ProbePair
from probekit.forgetting.similarity import few_dimensions, similarities
from probekit.states.states import States
from probekit.stats import paired
from probekit.stats.correction import Correction


def compare_two(
    found: Findings,
    about: Compared,
    states: tuple[States, States],
    pairs: Sequence[ProbePair],
    n_comparisons: int,
    correction: Correction,
) -> None:
    """Add the rows of two checkpoints to every table.

    Args:
        found: what was found so far.
        about: the two checkpoints.
        states: of the checkpoint before and the one after.
        pairs: the probes of each task.
        n_comparisons: tasks times checkpoints after, in the whole comparison.
        correction: of p-values.
    """
    before, after = states
    cells = n_comparisons * (len(pairs[0].layers) + 1)
    permutations = paired.permutations_for(cells)
    for pair in pairs:
        with found.timed("bootstrap and permutation"):
            best = at_best_layers(pair, permutations)
            found.best.append(best)
            found.comparison += at_each_layer(pair, permutations)
            found.by_label += breakdown(pair, best.layer_probed, before.corpus, correction)
        best_layers = (best.layer_before, best.layer_after)
        probed = (best.layer_probed, dict(pair.layers)[best.layer_probed])
        for layers in dict.fromkeys((best_layers, probed)):
            found.flipped += flipped_instances(pair, layers, before.corpus)
    with found.timed("decomposition"):
        found.decomposition += decompose(before, after, pairs)
    with found.timed("similarity"):
        similarity = similarities(about, before, after)
        found.similarity += similarity
    found.warnings += few_dimensions(before.model, after.model, similarity)
