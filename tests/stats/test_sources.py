"""Sources of chance: test sentences, seeds and training sentences, in one interval."""

from __future__ import annotations

import numpy as np
import pytest

from probekit.stats.bootstrap import interval, resample
from probekit.stats.sources import Spread, Values, spread_of

GROUPS, RESAMPLES = 60, 400
RATE = 0.7


def found(rng: np.random.Generator, of_seeds: float, of_training: float, refits: int) -> Spread:
    """Of one accuracy: probes differ by seeds and training sentences, sentences by difficulty."""
    difficulty = rng.normal(scale=0.15, size=GROUPS)
    weights = resample(GROUPS, RESAMPLES, np.random.default_rng(1)) / GROUPS

    def values(rates: np.ndarray) -> Values:
        """Of probes with these mean accuracies, on the same sentences."""
        correct = rates[:, None] + difficulty
        return Values(correct.mean(axis=1)[None], (correct @ weights.T)[None])

    own = RATE + of_training * rng.normal() + of_seeds * rng.normal(size=3)
    refitted = own.mean() + of_training * rng.normal(size=refits)
    of_refits = values(refitted) if refits else None
    return spread_of(values(own), of_refits, groups=GROUPS, variates=RESAMPLES)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("of_seeds", "of_training"), [(0.0, 0.0), (0.03, 0.0), (0.0, 0.03), (0.02, 0.03)]
)
def test_intervals_cover_the_true_value(of_seeds: float, of_training: float) -> None:
    """In 95% of 1,000 experiments, with any of the sources."""
    rng = np.random.default_rng(5)
    covered = 0
    for _ in range(1_000):
        low, high = interval(found(rng, of_seeds, of_training, refits=10).resampled)
        covered += bool(low[0] <= RATE <= high[0])
    assert 925 <= covered <= 980


def test_without_the_training_sentences_an_interval_is_too_narrow() -> None:
    rng = np.random.default_rng(5)
    covered = 0
    for _ in range(300):
        low, high = interval(found(rng, 0.0, 0.03, refits=0).resampled)
        covered += bool(low[0] <= RATE <= high[0])
    assert covered < 250


def test_shares_are_those_of_the_variances() -> None:
    """With many refits the share of the training sentences is that of the true variances."""
    rng = np.random.default_rng(6)
    spreads = [found(rng, 0.0, 0.03, refits=200) for _ in range(100)]
    of_test = 0.15**2 / GROUPS
    expected = 0.03**2 / (0.03**2 + of_test)
    mean = np.mean([spread.from_training[0] for spread in spreads])
    assert mean == pytest.approx(expected, abs=0.02)
    for spread in spreads:
        total = spread.from_test + spread.from_seeds + spread.from_training
        assert total == pytest.approx(1)


def test_without_refits_their_share_is_missing() -> None:
    spread = found(np.random.default_rng(7), 0.01, 0.0, refits=0)
    assert np.isnan(spread.from_training).all()
    assert spread.from_test + spread.from_seeds == pytest.approx(1)
