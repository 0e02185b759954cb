"""Seeds: a mean over training runs, with an interval that covers the spread between them."""

from __future__ import annotations

import numpy as np

from probekit.stats.bootstrap import LEVEL


def over_seeds(values: np.ndarray, low: np.ndarray, high: np.ndarray) -> tuple[float, float, float]:
    """The mean of runs that differ in their seed, and the ends of its 95% interval.

    Half its width is that of Student's interval of the mean over seeds, and the mean half-width of
    the runs' own intervals, added as squares: the runs are scored on the same texts, so that more
    seeds do not narrow the latter.

    Args:
        values: `(k,)` one for each run.
        low, high: `(k,)` ends of each run's own interval.

    Returns the mean and the ends; these are missing (NaN) for a single run.

    >>> over_seeds(np.array([0.5, 0.5]), np.array([0.4, 0.4]), np.array([0.6, 0.6]))
    (0.5, 0.4, 0.6)
    """
    mean = float(np.mean(values))
    half = float(np.hypot(half_over_seeds(values), np.mean(high - low) / 2))
    return mean, mean - half, mean + half


def half_over_seeds(values: np.ndarray) -> float:
    """Half of Student's 95% interval of the mean of `(k,)` runs; missing (NaN) for one run."""
    from scipy.special import stdtrit

    k = len(values)
    if k < 2:
        return float("nan")
    return float(stdtrit(k - 1, (1 + LEVEL) / 2) * np.std(values, ddof=1) / np.sqrt(k))
