"""Flips: instances answered right before and wrong after, and the reverse.

A mean that stays hides both. Chance here is two models whose answers have nothing to do with each
other: the share lost would be that of those right before, times that of those wrong after (the
denominator of the relative negative flip rate, Yan et al. 2021). Far fewer flips than that mean
that the models err on the same instances.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from probekit.stats.bootstrap import LEVEL, RESAMPLES, interval, resample, widened


class Flips(NamedTuple):
    """Shares of instances, in [0, 1].

    Attributes:
        lost: right before and wrong after.
        lost_low, lost_high: its 95% interval, over sentences; missing for one sentence. Where
            nothing is lost, its upper end is by the rule of three (Hanley and Lippman-Hand 1983):
            in n sentences, 3 / n.
        lost_by_chance: what is expected of two models whose answers are unrelated.
        gained, gained_low, gained_high, gained_by_chance: wrong before and right after, likewise.
    """

    lost: float
    lost_low: float
    lost_high: float
    lost_by_chance: float
    gained: float
    gained_low: float
    gained_high: float
    gained_by_chance: float


def flips(before: np.ndarray, after: np.ndarray, groups: np.ndarray, seed: int = 0) -> Flips:
    """The flips between two sets of answers to the same instances.

    Args:
        before, after: `(n,)` 1 where an answer is right, 0 where it is wrong; 0.5, a tie, is half
            of each.
        groups: `(n,)` the sentence of each instance, which is resampled.
        seed: of the resamples.

    >>> found = flips(np.array([1, 1, 0, 0]), np.array([1, 0, 0, 1]), np.arange(4))
    >>> found.lost, found.gained, found.lost_by_chance
    (0.25, 0.25, 0.25)
    """
    lost, gained = np.maximum(before - after, 0), np.maximum(after - before, 0)
    places = np.unique(groups, return_inverse=True)[1]
    n_groups = int(places.max()) + 1
    counts = np.zeros((n_groups, 3))
    np.add.at(counts, places, np.stack([lost, gained, np.ones(len(before))], axis=1))
    weights = resample(n_groups, RESAMPLES, np.random.default_rng(seed)).astype(np.float64)
    sums = weights @ counts
    shares = counts[:, :2].sum(axis=0) / len(before)
    low, high = np.clip(interval(widened((sums[:, :2] / sums[:, 2:]).T, shares, n_groups)), 0, 1)
    none = 1 - (1 - LEVEL) ** (1 / n_groups)  # resamples of what never occurs are all alike
    high = np.where((shares == 0) & (n_groups > 1), none, high)
    right_before, right_after = float(np.mean(before)), float(np.mean(after))
    return Flips(
        lost=float(lost.mean()),
        lost_low=float(low[0]),
        lost_high=float(high[0]),
        lost_by_chance=right_before * (1 - right_after),
        gained=float(gained.mean()),
        gained_low=float(low[1]),
        gained_high=float(high[1]),
        gained_by_chance=(1 - right_before) * right_after,
    )
