"""Paired: intervals and p-values of differences between probes tested on the same instances.

Sentences (documents) are resampled for both probes at once, and under the null hypothesis the two
results of a sentence can be exchanged. The difference between seeds is a second source of chance:
it enters both distributions as a Student t variate with the standard error of the mean over seeds.
The sentences that probes were trained on are a third one, where probes were refitted on resamples
of these: it enters likewise, with the standard deviation over refits.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from probekit.stats.bootstrap import LEVEL, RESAMPLES, interval, resample
from probekit.stats.sources import Values, spread_of

if TYPE_CHECKING:
    from probekit.stats.behaviour_metrics import BehaviourMetric
    from probekit.stats.metrics import Metric, Score
    from probekit.stats.tree_metrics import TreeMetric

PERMUTATIONS_PER_CELL = 50
BLOCK = 1 << 22  # numbers that are held at once, in each of a few arrays
POWER = 0.8
TIE = 1e-12  # scores are sums of many counts: equal ones differ in the last digits


@dataclass(frozen=True)
class Difference:
    """Differences (second minus first) of some cells; arrays `(cells,)`.

    Attributes:
        value: mean over seeds of the difference in score.
        low, high: 95% interval, within the range of the metric; missing for one group.
        p_value: two-sided, in (0, 1]; 1 where no prediction differs, or without permutations.
        detectable: approximate minimum detectable effect: the smallest true difference that is
            found four times in five at the 5% level, before any correction; in score.
        from_test, from_seeds, from_training: share of the variance behind the interval that is due
            to the test sentences, the seeds, and the training sentences; the last is missing
            without refits, and all are where nothing varies.
    """

    value: np.ndarray
    low: np.ndarray
    high: np.ndarray
    p_value: np.ndarray
    detectable: np.ndarray
    from_test: np.ndarray
    from_seeds: np.ndarray
    from_training: np.ndarray


class Refits(NamedTuple):
    """Counts of probes that were refitted on resamples of their training sentences, the same
    resamples for both: `(cells, resamples, groups, k)` each."""

    first: np.ndarray
    second: np.ndarray


@dataclass(frozen=True)
class Resampling:
    """The resamples and permutations that all cells share, so that cells can be compared.

    Attributes:
        resamples: `(resamples, groups)` how often each sentence or document is drawn, float64.
        permutations: `(permutations, groups)` 1 where the two results are exchanged, a byte each.
    """

    resamples: np.ndarray
    permutations: np.ndarray


def permutations_for(cells: int) -> int:
    """Enough permutations for a p-value that survives the correction for so many cells."""
    return max(RESAMPLES, PERMUTATIONS_PER_CELL * cells)


def resampling(
    groups: int,
    *,
    resamples: int = RESAMPLES,
    permutations: int | None = None,
    seed: int = 0,
) -> Resampling:
    """Resamples and permutations of `groups` sentences or documents.

    Args:
        groups: how many there are.
        resamples: how many times they are drawn.
        permutations: how many; by default as many as resamples, 0 where no p-value is needed.
        seed: of both.
    """
    rng = np.random.default_rng(seed)
    drawn = resample(groups, resamples, rng).astype(np.float64)
    rows = resamples if permutations is None else permutations
    permuted = np.empty((rows, groups), dtype=np.uint8)
    at_once = max(1, BLOCK // groups)
    for start in range(0, len(permuted), at_once):
        block = permuted[start : start + at_once]
        block[:] = rng.integers(0, 2, size=block.shape)
    return Resampling(drawn, permuted)


def difference(
    metric: Metric | TreeMetric | BehaviourMetric,
    first: np.ndarray,
    second: np.ndarray,
    shared: Resampling,
    *,
    refits: Refits | None = None,
    seed: int = 0,
) -> Difference:
    """Second minus first, with its interval and p-value.

    The interval is a percentile bootstrap over groups, widened for few groups (see
    `bootstrap.widened`). The p-value is from the paired permutation test (Good 2005, chapter 3; for
    such scores Yeh 2000), with one added to both counts (Phipson and Smyth 2010). Both include the
    spread between seeds, if there are several, and between refits, if there are any.

    Args:
        metric: of the counts.
        first, second: `(cells, seeds, groups, k)` counts, of the same groups and seeds.
        shared: see `resampling`.
        refits: the same probes, trained on resamples of the training sentences; at least two.
        seed: of the variates that stand for the seeds and the refits.
    """
    most = max(len(shared.resamples), len(shared.permutations))
    at_once = max(1, BLOCK // (first.shape[1] * most))
    parts = []
    for start in range(0, len(first), at_once):
        cells = slice(start, start + at_once)
        part = None if refits is None else Refits(refits.first[cells], refits.second[cells])
        parts.append(_difference(metric, first[cells], second[cells], shared, part, seed))
    columns = {}
    for field in fields(Difference):
        columns[field.name] = np.concatenate([getattr(part, field.name) for part in parts])
    return Difference(**columns)


def _difference(
    metric: Metric | TreeMetric | BehaviourMetric,
    first: np.ndarray,
    second: np.ndarray,
    shared: Resampling,
    refits: Refits | None,
    seed: int,
) -> Difference:
    """`difference`, of cells that are worked on at once."""
    score, limit = metric.score, metric.largest_difference
    observed = score(second.sum(axis=-2)) - score(first.sum(axis=-2))  # (cells, seeds)
    value = observed.mean(axis=1)
    resampled = resampled_values(score, shared.resamples, second)
    resampled -= resampled_values(score, shared.resamples, first)
    resamples, permutations = len(shared.resamples), len(shared.permutations)
    of_refits = None
    if refits is not None:
        refitted = score(refits.second.sum(axis=-2)) - score(refits.first.sum(axis=-2))
        refit_resampled = resampled_values(score, shared.resamples, refits.second)
        refit_resampled -= resampled_values(score, shared.resamples, refits.first)
        of_refits = Values(refitted, refit_resampled)
    spread = spread_of(
        Values(observed, resampled),
        of_refits,
        groups=first.shape[2],
        variates=max(resamples, permutations),
        seed=seed,
    )
    low, high = np.clip(interval(spread.resampled), -limit, limit)
    null = _permuted(score, shared.permutations, first, second)
    null = null * np.sqrt(spread.share)[:, None] + spread.noise[:, :permutations]
    extreme = (np.abs(null) >= np.abs(value)[:, None] - TIE).sum(axis=1)
    p_value = (1 + extreme) / (1 + permutations)
    detectable = minimum_detectable(spread.resampled, value, limit)
    return Difference(
        value,
        low,
        high,
        p_value,
        detectable,
        spread.from_test,
        spread.from_seeds,
        spread.from_training,
    )


def minimum_detectable(spread: np.ndarray, value: np.ndarray, limit: float) -> np.ndarray:
    """Approximate smallest true difference that is found four times in five at the 5% level.

    Args:
        spread: resampled values, `(cells, resamples)`.
        value: observed values, `(cells,)`.
        limit: the largest possible difference.

    Returns:
        `(cells,)` differences, in [0, limit].
    """
    # What a test at 5% calls significant, plus how far the estimate falls short one time in five.
    significant = np.quantile(np.abs(spread - value[:, None]), LEVEL, axis=1)
    short = np.quantile(value[:, None] - spread, POWER, axis=1)
    return np.clip(significant + short, 0, limit)


def _permuted(
    score: Score,
    permutations: np.ndarray,
    first: np.ndarray,
    second: np.ndarray,
) -> np.ndarray:
    """Differences with results exchanged at random, means over seeds: `(cells, permutations)`."""
    before, after = first.sum(axis=-2)[:, :, None], second.sum(axis=-2)[:, :, None]

    def changed(change: np.ndarray) -> np.ndarray:
        return score(after - change) - score(before + change)

    return _of_weighted(permutations, second - first, changed).mean(axis=1)


def resampled_values(score: Score, resamples: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """Scores of resampled groups: `(cells, seeds, resamples)`."""
    return _of_weighted(resamples, counts, score)


def _of_weighted(
    weights: np.ndarray,
    counts: np.ndarray,
    of: Callable[[np.ndarray], np.ndarray],
) -> np.ndarray:
    """`of` applied to sums of counts over groups, weighted by each row of `weights`.

    Sums are a matrix product for several rows at a time, over the groups with any count.

    Args:
        weights: `(rows, groups)`.
        counts: `(cells, seeds, groups, k)`.
        of: from `(cells, seeds, rows, k)` to `(cells, seeds, rows)`.

    Returns:
        `(cells, seeds, rows)`.
    """
    cells, seeds, _, k = counts.shape
    used = counts.any(axis=(0, 1, 3))
    if not used.all():
        weights, counts = weights[:, used], counts[:, :, used]
    flat = counts.transpose(2, 0, 1, 3).reshape(counts.shape[2], cells * seeds * k)
    found = np.empty((cells, seeds, len(weights)))
    at_once = max(1, BLOCK // max(1, *flat.shape))
    for start in range(0, len(weights), at_once):
        rows = slice(start, start + at_once)
        sums = weights[rows].astype(np.float64) @ flat
        found[:, :, rows] = of(sums.reshape(-1, cells, seeds, k).transpose(1, 2, 0, 3))
    return found
