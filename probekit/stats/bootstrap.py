"""Bootstrap: how far a score moves with other sentences or documents."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from probekit.stats.metrics import Score

RESAMPLES = 1_000
LEVEL = 0.95


def resample(groups: int, resamples: int, rng: np.random.Generator) -> np.ndarray:
    """How often each group is drawn, when as many as there are are drawn with replacement.

    Returns:
        `(resamples, groups)` integers, each row of which sums to `groups`.
    """
    return rng.multinomial(groups, np.full(groups, 1 / groups), size=resamples)


def bootstrap(
    score: Score,
    counts: np.ndarray,
    *,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> np.ndarray:
    """Scores of resampled groups (Efron and Tibshirani 1993, chapters 6 and 13).

    All cells share the same resamples, so that differences between cells are paired.

    Args:
        score: the score function of a metric.
        counts: the counts of that metric, `(cells, groups, k)`.
        resamples: how many.
        seed: of the resamples.

    Returns:
        `(cells, resamples)` scores.
    """
    rng = np.random.default_rng(seed)
    weights = resample(counts.shape[1], resamples, rng).astype(np.float64)
    return np.stack([score(weights @ cell) for cell in counts])


def interval(resampled: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Percentile intervals: ends `(cells,)` of the central 95% of `(cells, resamples)` values."""
    tail = (1 - LEVEL) / 2
    low, high = np.quantile(resampled, [tail, 1 - tail], axis=1)
    return low, high


def widened(
    resampled: np.ndarray,
    value: np.ndarray,
    groups: int,
    share: np.ndarray | None = None,
) -> np.ndarray:
    """Resampled values, moved away from the observed one, the more the fewer groups there are.

    For few groups, percentile intervals are too narrow, as normal intervals are in place of
    Student's t. Hesterberg 2015 (section 3.3) widens them by t / z times sqrt(n / (n - 1)).

    Args:
        resampled: by bootstrap, `(cells, resamples)`.
        value: what was observed, `(cells,)`.
        groups: how many were resampled.
        share: the part of the resampled variance that counts, `(cells,)`; by default all.

    Returns:
        `(cells, resamples)` values; missing (NaN) for one group.
    """
    if groups < 2:
        return np.full_like(resampled, np.nan)
    from scipy.special import ndtri, stdtrit

    upper = (1 + LEVEL) / 2
    factor = stdtrit(groups - 1, upper) / ndtri(upper) * np.sqrt(groups / (groups - 1))
    if share is not None:
        factor = factor * np.sqrt(share)[:, None]
    return np.asarray(value[:, None] + factor * (resampled - value[:, None]))
