"""Paired: intervals and p-values of differences between probes that answered the same questions.

Both sides answered the same instances, so sentences (documents) are resampled for both at once, and under the null
hypothesis a sentence's two results may change sides. The difference between seeds is a second source of chance: it
enters both distributions as a Student t variate with the standard error of the mean over seeds.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields

import numpy as np

from probekit.probes.metrics import DRAWS, LEVEL, interval, score, widened
from probekit.tasks.task import Metric

SWAPS_A_CELL = 50
BLOCK = 1 << 22  # numbers that are held at once, in each of a few arrays
MISSED = 0.8  # a difference that is found four times in five may fall short by what one draw in five does


@dataclass(frozen=True)
class Difference:
    """Differences (second minus first) of some cells; arrays `(cells,)`.

    Attributes:
        value: mean over seeds of the difference in score, in [-1, 1].
        low, high: 95% interval, in [-1, 1]; missing where there is one group only.
        p_value: two-sided, in (0, 1]; 1 where no prediction differs.
        detectable: about the smallest true difference that such data shows four times in five at the 5% level, before
            any correction; in score, at most 1.
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
        swapped: `(swaps, groups)` 1 where the two sides change places, a byte each.
    """

    resampled: np.ndarray
    swapped: np.ndarray


def swaps_for(cells: int) -> int:
    """So many that a p-value can be small enough to survive a correction for `cells`."""
    return max(DRAWS, SWAPS_A_CELL * cells)


def weights(groups: int, *, draws: int = DRAWS, swaps: int | None = None, seed: int = 0) -> Weights:
    """Draws for `groups` sentences or documents."""
    rng = np.random.default_rng(seed)
    resampled = rng.multinomial(groups, np.full(groups, 1 / groups), size=draws)
    swapped = np.empty((swaps or draws, groups), dtype=np.uint8)
    rows = max(1, BLOCK // groups)
    for start in range(0, len(swapped), rows):
        block = swapped[start : start + rows]
        block[:] = rng.integers(0, 2, size=block.shape)
    return Weights(resampled.astype(np.float64), swapped)


def difference(metric: Metric, first: np.ndarray, second: np.ndarray, drawn: Weights, *, seed: int = 0) -> Difference:
    """Second minus first, with its interval and p-value.

    Args:
        metric: of the counts.
        first, second: counts a group (`metrics.group_counts`): `(cells, seeds, groups, k)`, the same groups and seeds.
        drawn: see `weights`.
        seed: of the variates that stand for the seeds.

    The interval is the bootstrap's over groups, by percentiles, widened for few groups (see `metrics.widened`). The
    p-value is that of the paired permutation test (Good 2005, ch. 3; for such scores Yeh 2000), with one added to both
    counts (Phipson and Smyth 2010). Both carry the spread between seeds; with one seed there is none to carry.
    """
    at_once = max(1, BLOCK // (first.shape[1] * max(len(drawn.resampled), len(drawn.swapped))))
    parts = [
        _difference(metric, first[i : i + at_once], second[i : i + at_once], drawn, seed)
        for i in range(0, len(first), at_once)
    ]
    return Difference(*(np.concatenate([getattr(part, f.name) for part in parts]) for f in fields(Difference)))


def _difference(metric: Metric, first: np.ndarray, second: np.ndarray, drawn: Weights, seed: int) -> Difference:
    """Of cells that are worked on at once."""
    observed = score(metric, second.sum(axis=-2)) - score(metric, first.sum(axis=-2))  # (cells, seeds)
    value = observed.mean(axis=1)
    resampled = _scores(metric, drawn.resampled, second) - _scores(metric, drawn.resampled, first)
    draws, swaps = len(drawn.resampled), len(drawn.swapped)
    noise, share = seed_noise(observed, resampled, draws=max(draws, swaps), seed=seed)
    groups = widened(resampled.mean(axis=1), value, first.shape[2], share)
    spread = groups + noise[:, :draws]
    low, high = (np.clip(end, -1, 1) for end in interval(spread))
    null = _null(metric, drawn.swapped, first, second) * np.sqrt(share)[:, None] + noise[:, :swaps]
    # Scores are sums of counts over many draws: equal ones differ in the last digits.
    extreme = (np.abs(null) >= np.abs(value)[:, None] - 1e-12).sum(axis=1)
    p_value = (1 + extreme) / (1 + null.shape[1])
    return Difference(value, low, high, p_value, minimum_detectable(spread, value))


def minimum_detectable(spread: np.ndarray, value: np.ndarray) -> np.ndarray:
    """About the smallest true difference that is found four times in five at the 5% level: `(cells,)`, at most 1.

    Args:
        spread: resampled values, `(cells, draws)`.
        value: those observed, `(cells,)`.
    """
    # What a test at 5% calls significant, and what four in five draws stay above.
    beyond = np.quantile(np.abs(spread - value[:, None]), LEVEL, axis=1)
    short = np.quantile(value[:, None] - spread, MISSED, axis=1)
    return np.clip(beyond + short, 0, 1)


def seed_noise(
    observed: np.ndarray, resampled: np.ndarray, *, draws: int | None = None, seed: int = 0
) -> tuple[np.ndarray, np.ndarray]:
    """How far another draw of seeds might move each cell's mean: `(cells, draws)`, and the share of the bootstrap's
    variance that is of sentences alone, `(cells,)`.

    Seeds also differ by what they make of single sentences. The spread between seeds has that, and so has the
    bootstrap over sentences; it must not count twice, so that the bootstrap keeps what the seeds have in common. No
    more is taken from it than the observed spread puts back: the whole variance is never below the bootstrap's.

    Args:
        observed: values of single seeds, `(cells, seeds)`.
        resampled: the same of every bootstrap draw, `(cells, seeds, draws)`.
        draws: of the variates, if not as many.
        seed: of the variates.
    """
    cells, seeds, _ = resampled.shape
    draws = draws or resampled.shape[2]
    if seeds == 1:
        return np.zeros((cells, draws)), np.ones(cells)
    mean = resampled.mean(axis=1)
    apart = (resampled - mean[:, None]).var(axis=2).sum(axis=1) / (seeds - 1) / seeds
    whole = mean.var(axis=1)
    error = observed.std(axis=1, ddof=1) / np.sqrt(seeds)
    twice = np.minimum(np.minimum(apart, error**2), whole)
    share = np.divide(whole - twice, whole, out=np.ones(cells), where=whole > 0)
    return error[:, None] * np.random.default_rng(seed).standard_t(seeds - 1, size=draws), share


def _null(metric: Metric, swapped: np.ndarray, first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Differences with sides changed at random, means over seeds: `(cells, draws)`."""
    before, after = first.sum(axis=-2)[:, :, None], second.sum(axis=-2)[:, :, None]

    def changed(change: np.ndarray) -> np.ndarray:
        return score(metric, after - change) - score(metric, before + change)

    return _over_draws(swapped, second - first, changed).mean(axis=1)


def _scores(metric: Metric, weighting: np.ndarray, counts: np.ndarray) -> np.ndarray:
    return _over_draws(weighting, counts, lambda weighted: score(metric, weighted))


def _over_draws(weighting: np.ndarray, counts: np.ndarray, of: Callable[[np.ndarray], np.ndarray]) -> np.ndarray:
    """What `of` makes of the counts' weighted sums over groups: `(cells, seeds, draws)`.

    Sums are taken for some draws at a time, a matrix product each, and over the groups that have something to count.
    """
    cells, seeds, _, k = counts.shape
    used = counts.any(axis=(0, 1, 3))
    if not used.all():
        weighting, counts = weighting[:, used], counts[:, :, used]
    flat = counts.transpose(2, 0, 1, 3).reshape(counts.shape[2], cells * seeds * k)
    found = np.empty((cells, seeds, len(weighting)))
    rows = max(1, BLOCK // max(1, *flat.shape))
    for start in range(0, len(weighting), rows):
        block = weighting[start : start + rows].astype(np.float64) @ flat
        found[:, :, start : start + rows] = of(block.reshape(-1, cells, seeds, k).transpose(1, 2, 0, 3))
    return found
