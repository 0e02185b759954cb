"""Bootstrap against scikit-learn's scores of resampled groups, and intervals against theory."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import f1_score

from probekit.stats.bootstrap import bootstrap, interval, widened
from probekit.stats.metrics import METRICS


def test_a_resample_has_the_score_of_its_groups() -> None:
    rng, metric = np.random.default_rng(0), METRICS["macro_f1"]
    gold, predicted = rng.integers(0, 3, 200), rng.integers(0, 3, (2, 200))
    groups = np.sort(rng.integers(0, 20, 200))
    counts = metric.counts(predicted, gold, groups, None)
    resampled = bootstrap(metric.score, counts, resamples=5, seed=7)
    weights = np.random.default_rng(7).multinomial(20, np.full(20, 1 / 20), size=5)
    for number, times in enumerate(weights):
        rows = np.repeat(np.arange(200), times[groups])
        for cell in range(2):
            expected = f1_score(gold[rows], predicted[cell, rows], average="macro", zero_division=0)
            assert resampled[cell, number] == pytest.approx(expected)


def coverage(groups: int, *, widen: bool) -> float:
    """How often of 600 times the interval of `groups` sentences has the true score."""
    rng, metric = np.random.default_rng(1), METRICS["accuracy"]
    gold, sentences = np.zeros(groups * 8, dtype=int), np.repeat(np.arange(groups), 8)
    covered = []
    for _ in range(600):
        # Words of a sentence share their luck: an interval over words would be too narrow.
        chance = rng.beta(6, 2, size=groups)
        right = rng.random((groups, 8)) < chance[:, None]
        predicted = np.where(right.reshape(1, -1), 0, 1)
        counts = metric.counts(predicted, gold, sentences, None)
        resampled = bootstrap(metric.score, counts, resamples=400)
        if widen:
            resampled = widened(resampled, metric.score(counts.sum(axis=1)), groups)
        low, high = interval(resampled)
        covered.append(low[0] <= 0.75 <= high[0])
    return float(np.mean(covered))


@pytest.mark.slow
@pytest.mark.parametrize("groups", [10, 20, 150])
def test_intervals_cover_as_often_as_they_say(groups: int) -> None:
    assert 0.92 <= coverage(groups, widen=True) <= 0.98


def test_intervals_of_few_groups_would_be_too_narrow() -> None:
    assert coverage(10, widen=False) < 0.92


def test_one_group_has_no_interval() -> None:
    assert np.isnan(widened(np.zeros((2, 5)), np.zeros(2), 1)).all()
