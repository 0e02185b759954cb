"""Rank correlation: whether two values rise and fall together over a few checkpoints."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from probekit.stats.bootstrap import LEVEL

LEAST = 4  # pairs: fewer have no interval


class RankCorrelation(NamedTuple):
    """Spearman's ρ in [−1, 1], with its 95% interval; missing where a value does not vary."""

    rho: float
    low: float
    high: float


def rank_correlation(first: np.ndarray, second: np.ndarray) -> RankCorrelation:
    """Spearman's correlation of `(n,)` pairs, with the interval of Bonett and Wright (2000).

    The interval of a perfect order is that of the next lower correlation that n pairs can have, up
    to 1: from a few pairs a perfect order is no certainty. Without an interval for fewer than LEAST
    pairs.

    >>> found = rank_correlation(np.array([1.0, 2, 3, 4, 5]), np.array([1.0, 2, 3, 5, 4]))
    >>> round(found.rho, 2), found.low < 0.5
    (0.9, True)
    """
    missing = float("nan")
    n = len(first)
    if n < 2 or np.ptp(first) == 0 or np.ptp(second) == 0:
        return RankCorrelation(missing, missing, missing)
    from scipy.stats import norm, spearmanr

    rho = float(spearmanr(first, second).statistic)
    if n < LEAST:
        return RankCorrelation(rho, missing, missing)
    most = 1 - 12 / (n * (n**2 - 1))
    limited = float(np.clip(rho, -most, most))
    error = np.sqrt((1 + limited**2 / 2) / (n - 3))
    reach = norm.ppf((1 + LEVEL) / 2) * error
    low, high = np.tanh(np.arctanh(limited) + np.array([-reach, reach]))
    return RankCorrelation(rho, float(min(low, rho)), float(max(high, rho)))
