"""Differences: a task's scores before and after, at every pair of layers and at the best ones."""

from __future__ import annotations

import numpy as np

from probekit.forgetting.comparison_rows import BestRow, ComparisonRow, Difference
from probekit.forgetting.measures import retention
from probekit.forgetting.probe_pair import ProbePair
from probekit.probes.answers import AnyFitted, counts, mean_scores, metric_of
from probekit.stats import paired
from probekit.stats.layers import expected_layer


def at_each_layer(pair: ProbePair, permutations: int) -> list[ComparisonRow]:
    """One row per pair of layers."""
    first, second = pair.places
    dev_before = mean_scores(pair.question, "dev", pair.before.dev_predictions)[first]
    dev_after = mean_scores(pair.question, "dev", pair.after.dev_predictions)[second]
    differences = _differences(pair, first, second, permutations)
    rows = []
    for i, difference in enumerate(differences):
        layer, layer_after = pair.layers[i]
        row = ComparisonRow(
            **vars(difference),
            layer=layer,
            layer_after=layer_after,
            dev_before=dev_before[i],
            dev_after=dev_after[i],
        )
        rows.append(row)
    return rows


def at_best_layers(pair: ProbePair, permutations: int) -> BestRow:
    """The best layers before and after, each chosen on dev, compared with each other."""
    candidates_before, candidates_after = pair.candidates
    best_before = _best_place(pair.before, candidates_before)
    best_after = _best_place(pair.after, candidates_after)
    (difference,) = _differences(pair, [best_before], [best_after], permutations)
    layer_before = pair.before.layers[best_before]
    return BestRow(
        **vars(difference),
        layer_before=layer_before,
        layer_after=pair.after.layers[best_after],
        expected_layer_before=_expected_layer(pair.before),
        expected_layer_after=_expected_layer(pair.after),
        layer_probed=_nearest_paired(pair, layer_before),
        kind="",  # this and the verdict are told from all tables
        verdict="",
    )


def _best_place(fitted: AnyFitted, candidates: list[int]) -> int:
    """The place of the layer with the best dev score."""
    dev_scores = mean_scores(fitted.question, "dev", fitted.dev_predictions)
    return max(candidates, key=dev_scores.__getitem__)


def _expected_layer(fitted: AnyFitted) -> float:
    scores = mean_scores(fitted.question, "test", fitted.predictions)
    return expected_layer(np.maximum.accumulate(scores), fitted.layers)


def _nearest_paired(pair: ProbePair, best: int) -> int:
    """The layer before with a partner that is nearest to the best.

    Where the other model has fewer layers, the best one may have no partner.
    """
    paired_layers = [layer for layer, _ in pair.layers]
    return min(paired_layers, key=lambda layer: abs(layer - best))


def _differences(
    pair: ProbePair, places_before: list[int], places_after: list[int], permutations: int
) -> list[Difference]:
    """Scores and their difference, one row per pair of places of layers."""
    question, metric = pair.question, metric_of(pair.question.task)
    before = pair.before.predictions[places_before]
    after = pair.after.predictions[places_after]
    counts_before, counts_after = counts(question, "test", [before, after])
    shared = paired.resampling(counts_before.shape[2], permutations=permutations)
    refits, resamples = None, 0
    if pair.before.refits is not None and pair.after.refits is not None:
        refits_before = pair.before.refits[places_before]
        refits_after = pair.after.refits[places_after]
        refits = paired.Refits(*counts(question, "test", [refits_before, refits_after]))
        resamples = refits_before.shape[1]
    found = paired.difference(metric, counts_before, counts_after, shared, refits=refits)
    score_before = metric.score(counts_before.sum(axis=2)).mean(axis=1)
    score_after = metric.score(counts_after.sum(axis=2)).mean(axis=1)
    floors = np.full(len(before), pair.floor)

    def retained(change: np.ndarray) -> np.ndarray:
        return retention(score_before, score_before + change, floors, found.detectable)

    value, low, high = retained(found.value), retained(found.low), retained(found.high)
    rows = []
    for i in range(len(before)):
        row = Difference(
            **vars(pair.about),
            probe=pair.before.head,
            metric=metric.name,
            score_before=score_before[i],
            score_after=score_after[i],
            delta=found.value[i],
            ci_low=found.low[i],
            ci_high=found.high[i],
            p_value=found.p_value[i],
            p_adjusted=float("nan"),  # all cells are corrected together
            retention=value[i],
            retention_low=low[i],
            retention_high=high[i],
            detectable=found.detectable[i],
            floor=pair.floor,
            n_train=len(question.splits["train"]),
            n_test=len(question.splits["test"]),
            groups=counts_before.shape[2],
            resampled=question.resampled,
            seeds=before.shape[1],
            resamples=resamples,
            from_test=found.from_test[i],
            from_seeds=found.from_seeds[i],
            from_training=found.from_training[i],
        )
        rows.append(row)
    return rows
