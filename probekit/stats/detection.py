"""Detection: how well a score tells a positive label from a negative one, at whatever threshold.

AUROC is the chance that a positive instance has a higher score than a negative one, ties counting
half (Hanley and McNeil 1982). Recall at 1% false positives is the largest share of positive
instances that some threshold finds while at most one negative instance in a hundred is above it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from probekit.stats.bootstrap import LEVEL, RESAMPLES, resample, widened

MOST_FALSE = 0.01  # share of negative instances above the threshold
BLOCK = 1 << 22  # numbers that are held at once, in each of a few arrays


class Measured(NamedTuple):
    """A measure of one reading, and its change since the first one, with their 95% intervals."""

    value: float
    low: float
    high: float
    change: float
    change_low: float
    change_high: float


class Detection(NamedTuple):
    """How well one reading detects: AUROC, and recall at 1% false positives."""

    auroc: Measured
    recall: Measured


def curves(
    scores: np.ndarray, positive: np.ndarray, weights: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """AUROC and recall at 1% false positives, `(rows,)` each; missing (NaN) where a row has no
    positive or no negative instance.

    Args:
        scores: `(n,)`, higher means positive.
        positive: `(n,)`, true or false.
        weights: `(rows, n)` how often each instance counts.

    >>> scores, positive = np.array([0.1, 0.4, 0.4, 0.9]), np.array([False, False, True, True])
    >>> auroc, recall = curves(scores, positive, np.ones((1, 4)))
    >>> auroc.tolist(), recall.tolist()
    ([0.875], [0.5])
    """
    order = np.argsort(-scores, kind="stable")
    ordered = scores[order]
    # The last place of each distinct score: a threshold lies between these.
    ends = np.append(np.flatnonzero(np.diff(ordered)), len(ordered) - 1)
    counted = weights[:, order]
    of_positive = counted * positive[order]
    found = np.cumsum(of_positive, axis=1)[:, ends]
    false = np.cumsum(counted - of_positive, axis=1)[:, ends]
    with np.errstate(invalid="ignore", divide="ignore"):
        found, false = found / found[:, -1:], false / false[:, -1:]
    steps = np.diff(false, axis=1, prepend=0)
    heights = found - np.diff(found, axis=1, prepend=0) / 2
    auroc = (steps * heights).sum(axis=1)
    recall = np.where(false <= MOST_FALSE, found, 0).max(axis=1)
    is_known = np.isfinite(found[:, -1]) & np.isfinite(false[:, -1])
    missing = np.float64("nan")
    return np.where(is_known, auroc, missing), np.where(is_known, recall, missing)


def detection(
    readings: Sequence[np.ndarray],
    positive: np.ndarray,
    groups: np.ndarray,
    *,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> list[Detection]:
    """How well each reading detects, with intervals by bootstrap over groups.

    All readings share the resamples, so that changes are paired. Resamples without a positive or
    without a negative instance do not count.

    Args:
        readings: scores `(n,)` each; changes count from the first one.
        positive: `(n,)`, true or false.
        groups: `(n,)` numbers of sentences or documents.
        resamples: how many.
        seed: of the resamples.
    """
    _, numbers = np.unique(groups, return_inverse=True)
    n_groups = int(numbers.max()) + 1
    drawn = resample(n_groups, resamples, np.random.default_rng(seed))
    values, spreads = [], []
    for scores in readings:
        values.append(np.array(curves(scores, positive, np.ones((1, len(scores)))))[:, 0])
        parts = []
        at_once = max(1, BLOCK // len(scores))
        for start in range(0, resamples, at_once):
            rows = drawn[start : start + at_once]
            parts.append(np.array(curves(scores, positive, rows[:, numbers].astype(float))))
        spreads.append(np.concatenate(parts, axis=1))
    found = []
    for value, spread in zip(values, spreads, strict=True):
        ends = _interval(value, spread, n_groups, (0, 1))
        change, changes = value - values[0], spread - spreads[0]
        change_ends = _interval(change, changes, n_groups, (-1, 1))
        of_both = []
        for i in range(2):
            numbers_of = (value[i], *ends[:, i], change[i], *change_ends[:, i])
            of_both.append(Measured(*map(float, numbers_of)))
        found.append(Detection(*of_both))
    return found


def _interval(
    value: np.ndarray, spread: np.ndarray, groups: int, limits: tuple[float, float]
) -> np.ndarray:
    """Ends `(2, measures)` of the central 95% of resampled values `(measures, resamples)`."""
    wide = widened(spread, value, groups)
    if not np.isfinite(wide).any(axis=1).all():
        return np.full((2, len(value)), np.nan)
    tail = (1 - LEVEL) / 2
    return np.clip(np.nanquantile(wide, [tail, 1 - tail], axis=1), *limits)
