"""Paired: intervals and p-values of differences between probes that answered the same questions.

Both sides answered the same instances, so sentences (documents) are resampled for both at once, and under the null
hypothesis a sentence's two results may change sides. The difference between seeds is a second source of chance: it
enters both distributions as a Student t variate with the standard error of the mean over seeds.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from probekit.probes.metrics import DRAWS, interval, score
from probekit.tasks.task import Metric

# Two-sided test at 5%, found four times in five: (z(0.975) + z(0.8)) standard errors (Cohen 1988, ch. 2).
DETECTABLE = 1.959964 + 0.841621


@dataclass(frozen=True)
class Difference:
    """Differences (second minus first) of some cells; arrays `(cells,)`.

    Attributes:
        value: mean over seeds of the difference in score, in [-1, 1].
        low, high: 95% interval.
        p_value: two-sided, in (0, 1]; 1 where no prediction differs.
        detectable: the smallest true difference that such data shows four times in five at the 5% level, in score.
    """

    value: np.ndarray
    low: np.ndarray
    high: np.ndarray
    p_value: np.ndarray
    detectable: np.ndarray


@dataclass(frozen=True)
class Weights:
    """The draws every cell shares, so that cells can be compared.

    Attributes:
        resampled: `(draws, groups)` how often each sentence or document is drawn.
        swapped: `(draws, groups)` 1 where the two sides change places.
    """

    resampled: np.ndarray
    swapped: np.ndarray


def weights(groups: int, *, draws: int = DRAWS, seed: int = 0) -> Weights:
    """Draws for `groups` sentences or documents."""
    rng = np.random.default_rng(seed)
    resampled = rng.multinomial(groups, np.full(groups, 1 / groups), size=draws)
    return Weights(resampled.astype(np.float64), rng.integers(0, 2, size=(draws, groups)).astype(np.float64))


def difference(metric: Metric, first: np.ndarray, second: np.ndarray, drawn: Weights, *, seed: int = 0) -> Difference:
    """Second minus first, with its interval and p-value.

    Args:
        metric: of the counts.
        first, second: counts a group (`metrics.group_counts`): `(cells, seeds, groups, k)`, the same groups and seeds.
        drawn: see `weights`.
        seed: of the variates that stand for the seeds.

    The interval is the percentile bootstrap over groups (Efron and Tibshirani 1993, ch. 13), the p-value that of the
    paired permutation test (Good 2005, ch. 3; for such scores Yeh 2000), with one added to both counts (Phipson and
    Smyth 2010). Both carry the spread between seeds; with one seed there is none to carry.
    """
    observed = score(metric, second.sum(axis=-2)) - score(metric, first.sum(axis=-2))  # (cells, seeds)
    value = observed.mean(axis=1)
    noise = seed_noise(observed, len(drawn.resampled), seed)
    resampled = (_scores(metric, drawn.resampled, second) - _scores(metric, drawn.resampled, first)).mean(axis=1)
    low, high = interval(resampled + noise)
    change = _weighted(drawn.swapped, second - first)
    permuted = score(metric, second.sum(axis=-2)[:, :, None] - change) - score(
        metric, first.sum(axis=-2)[:, :, None] + change
    )
    null = permuted.mean(axis=1) + noise
    # Scores are sums of counts over many draws: equal ones differ in the last digits.
    extreme = (np.abs(null) >= np.abs(value)[:, None] - 1e-12).sum(axis=1)
    p_value = (1 + extreme) / (1 + null.shape[1])
    return Difference(value, low, high, p_value, DETECTABLE * null.std(axis=1))


def _scores(metric: Metric, weighting: np.ndarray, counts: np.ndarray) -> np.ndarray:
    return score(metric, _weighted(weighting, counts))


def _weighted(weighting: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """Weighted sums over groups: `(cells, seeds, draws, k)`. One matrix product."""
    cells, seeds, groups, k = counts.shape
    flat = counts.transpose(2, 0, 1, 3).reshape(groups, -1)
    return (weighting @ flat).reshape(-1, cells, seeds, k).transpose(1, 2, 0, 3)


def seed_noise(observed: np.ndarray, draws: int, seed: int) -> np.ndarray:
    """How far another draw of seeds might move each cell's mean: `(cells, draws)`, from values `(cells, seeds)`."""
    seeds = observed.shape[1]
    if seeds == 1:
        return np.zeros((len(observed), draws))
    error = observed.std(axis=1, ddof=1) / np.sqrt(seeds)
    return error[:, None] * np.random.default_rng(seed).standard_t(seeds - 1, size=draws)
