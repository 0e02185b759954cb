"""Sources of chance: what besides the test sentences moves a value, and by how much.

A value is a mean over seeds of what probes score, or of a difference between such scores. Other
test sentences would move it; so would other seeds, and other training sentences. The first is a
bootstrap over sentences. The others are known from a few values each, and enter as Student t
variates.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from probekit.stats.bootstrap import widened


class Values(NamedTuple):
    """What several probes of each cell score.

    Attributes:
        observed: `(cells, probes)`.
        resampled: the same for every resample of the test sentences, `(cells, probes, resamples)`.
    """

    observed: np.ndarray
    resampled: np.ndarray


class Spread(NamedTuple):
    """How far each cell's value might move.

    Attributes:
        resampled: values that all sources have moved, `(cells, resamples)`.
        noise: movements by the sources besides the test sentences, `(cells, variates)`.
        share: the part of the bootstrap's variance that is counted in no other source, `(cells,)`.
        from_test, from_seeds, from_training: share of the variance due to each source, `(cells,)`;
            the last is missing without refits, and all are where nothing varies.
    """

    resampled: np.ndarray
    noise: np.ndarray
    share: np.ndarray
    from_test: np.ndarray
    from_seeds: np.ndarray
    from_training: np.ndarray


def spread_of(
    of_seeds: Values, of_refits: Values | None, *, groups: int, variates: int, seed: int = 0
) -> Spread:
    """How far the means over seeds might move.

    Probes also differ in how they label single sentences. This is part of both the spread between
    them and the bootstrap over sentences, and must not count twice: the bootstrap keeps only what
    the probes have in common. It never loses more than the observed spread adds, so that the total
    variance is never below the bootstrap's.

    Args:
        of_seeds: values of the probes of all seeds.
        of_refits: values of probes that were trained on resamples of the training sentences.
        groups: test sentences or documents.
        variates: how many movements by seeds and training sentences; at least the resamples.
        seed: of these.
    """
    sources = [source_of(of_seeds, of_mean=True)]
    if of_refits is not None:
        sources.append(source_of(of_refits, of_mean=False))
    value, means = of_seeds.observed.mean(axis=1), of_seeds.resampled.mean(axis=1)
    whole = means.var(axis=1)
    share = share_left(whole, sources)
    noise = np.zeros((len(value), variates))
    for number, source in enumerate(sources):
        noise += source.variates(variates, seed + number)
    moved = widened(means, value, groups, share) + noise[:, : means.shape[1]]
    variances = np.stack([share * whole, *(source.error**2 for source in sources)])
    total = variances.sum(axis=0)
    shares = np.divide(variances, total, out=np.full_like(variances, np.nan), where=total > 0)
    from_training = np.full(len(value), np.nan) if of_refits is None else shares[2]
    return Spread(moved, noise, share, shares[0], shares[1], from_training)


class Source(NamedTuple):
    """A source of chance besides the test sentences.

    Attributes:
        error: by how much it moves each cell's value, as a standard deviation `(cells,)`.
        twice: the part of that variance which the bootstrap over sentences has too, `(cells,)`.
        degrees: of freedom, of the estimate of `error`; 0 where there is nothing to estimate.
    """

    error: np.ndarray
    twice: np.ndarray
    degrees: int

    def variates(self, n: int, seed: int) -> np.ndarray:
        """How far it might move each cell: `(cells, n)`."""
        if not self.degrees:
            return np.zeros((len(self.error), n))
        student = np.random.default_rng(seed).standard_t(self.degrees, size=n)
        return self.error[:, None] * student


def source_of(values: Values, *, of_mean: bool) -> Source:
    """The source behind several values of each cell: of their mean, or of a single one.

    Args:
        values: of each cell's probes.
        of_mean: whether their mean is reported.
    """
    observed, resampled = values
    cells, n = observed.shape
    if n == 1:
        return Source(np.zeros(cells), np.zeros(cells), 0)
    averaged = n if of_mean else 1
    mean = resampled.mean(axis=1)
    apart = (resampled - mean[:, None]).var(axis=2).sum(axis=1) / (n - 1) / averaged
    variance = observed.var(axis=1, ddof=1) / averaged
    return Source(np.sqrt(variance), np.minimum(apart, variance), n - 1)


def share_left(whole: np.ndarray, sources: Sequence[Source]) -> np.ndarray:
    """The share `(cells,)` of the bootstrap's variance `whole` that is counted nowhere else."""
    twice = np.minimum(sum(source.twice for source in sources), whole)
    return np.divide(whole - twice, whole, out=np.ones(len(whole)), where=whole > 0)
