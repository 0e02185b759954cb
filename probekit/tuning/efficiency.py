"""Efficiency: how many times fewer labels a method needs to reach what another has with all.

A curve is the score of a method at each number of labels. It is made monotone by isotonic
regression, and is linear in the logarithm of the labels between these.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

ALMOST = 1e-12  # scores that differ by rounding alone are equal
LEVEL = 0.95


class Factor(NamedTuple):
    """How many times fewer labels.

    Attributes:
        value: infinite where the fewest labels tried are enough, 0 where all are not.
        low, high: a 95% interval, likewise; missing (NaN) where there are no resamples.
    """

    value: float
    low: float
    high: float


def isotonic(curves: np.ndarray) -> np.ndarray:
    """The nearest curves that never fall (least squares), for `(resamples, n)` curves at once.

    At each place it is the highest, over beginnings up to there, of the lowest mean, over ends from
    there (Barlow et al. 1972, theorem 1.9).
    """
    sums = np.cumsum(np.pad(curves, ((0, 0), (1, 0))), axis=1)
    n = curves.shape[1]
    found = np.empty(curves.shape)
    for place in range(n):
        lowest = []
        for start in range(place + 1):
            means = (sums[:, place + 1 :] - sums[:, [start]]) / np.arange(
                place + 1 - start, n + 1 - start
            )
            lowest.append(means.min(axis=1))
        found[:, place] = np.max(lowest, axis=0)
    return found


def labels_needed(labels: np.ndarray, scores: np.ndarray, targets: np.ndarray) -> np.ndarray:
    """The fewest labels with which each curve reaches a score.

    Args:
        labels: `(n,)` numbers of labels, ascending.
        scores: `(resamples, n)` scores with so many labels.
        targets: `(resamples,)` scores to reach.

    Returns `(resamples,)` numbers: 0 where the fewest labels tried reach it, infinity where all do
    not.

    >>> scores = np.array([[0.2, 0.4, 0.6]])
    >>> labels_needed(np.array([10, 100, 1000]), scores, np.array([0.5])).round(1)
    array([316.2])
    """
    rising = isotonic(scores)
    enough = rising >= targets[:, None] - ALMOST
    upper = enough.argmax(axis=1)[:, None]
    lower = np.maximum(upper - 1, 0)
    ends = np.take_along_axis(rising, lower, axis=1), np.take_along_axis(rising, upper, axis=1)
    climb = np.where(upper > 0, ends[1] - ends[0], 1.0)
    share = np.clip((targets[:, None] - ends[0]) / np.where(climb > 0, climb, 1.0), 0.0, 1.0)
    logs = np.log(labels)
    found = np.exp(logs[lower] + share * (logs[upper] - logs[lower]))[:, 0]
    found = np.where(share[:, 0] == 1, labels[upper[:, 0]], found)  # not off by rounding
    found = np.where(enough[:, 0], 0.0, found)
    return np.where(enough.any(axis=1), found, np.inf)


def times_fewer(labels: np.ndarray, scores: np.ndarray, reference: np.ndarray) -> np.ndarray:
    """How many times fewer labels curves need to reach the end of others, `(resamples, n)` each.

    Returns `(resamples,)` numbers: infinity where the fewest labels tried are enough, 0 where all
    are not.

    >>> labels = np.array([10, 100, 1000])
    >>> times_fewer(labels, np.array([[0.4, 0.6, 0.8]]), np.array([[0.2, 0.4, 0.6]])).round(6)
    array([10.])
    """
    needed = labels_needed(labels, scores, isotonic(reference)[:, -1])
    with np.errstate(divide="ignore"):
        return np.asarray(labels[-1] / needed)


def efficiency(
    labels: np.ndarray,
    scores: np.ndarray,
    reference: np.ndarray,
    resampled: tuple[np.ndarray, np.ndarray],
) -> Factor:
    """The data-efficiency factor of a curve over another, with an interval.

    Args:
        labels: `(n,)` numbers of labels, ascending.
        scores, reference: `(n,)` scores of the two.
        resampled: the same two, `(resamples, n)` each, from the same resamples.
    """
    value = float(times_fewer(labels, scores[None], reference[None])[0])
    if np.isnan(resampled[0]).any() or np.isnan(resampled[1]).any():
        return Factor(value, math.nan, math.nan)
    found = times_fewer(labels, *resampled)
    tail = (1 - LEVEL) / 2
    low = np.quantile(found, tail, method="lower")
    high = np.quantile(found, 1 - tail, method="higher")
    return Factor(value, float(low), float(high))
