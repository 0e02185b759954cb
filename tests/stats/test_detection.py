"""Detection: AUROC and recall at 1% false positives are scikit-learn's; intervals cover."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score, roc_curve

from probekit.stats.detection import curves, detection


@pytest.mark.parametrize("seed", range(8))
def test_both_measures_are_scikit_learns(seed: int) -> None:
    rng = np.random.default_rng(seed)
    n = int(rng.integers(20, 2_000))
    positive = rng.random(n) < rng.uniform(0.1, 0.9)
    scores = rng.normal(size=n) + 2 * positive
    if seed % 2:
        scores = scores.round(1)  # many ties
    weights = np.stack([np.ones(n), rng.integers(0, 4, n)]).astype(float)
    auroc, recall = curves(scores, positive, weights)
    for row, weight in enumerate(weights):
        expected = roc_auc_score(positive, scores, sample_weight=weight)
        assert auroc[row] == pytest.approx(expected, abs=1e-12)
        false, true, _ = roc_curve(positive, scores, sample_weight=weight, drop_intermediate=False)
        assert recall[row] == pytest.approx(true[false <= 0.01].max(), abs=1e-12)


def test_one_class_alone_cannot_be_told_apart() -> None:
    scores = np.array([1.0, 2.0])
    auroc, recall = curves(scores, np.array([True, True]), np.ones((1, 2)))
    assert np.isnan(auroc).all() and np.isnan(recall).all()
    (found,) = detection([scores], np.array([True, True]), np.array([0, 1]), resamples=20)
    assert np.isnan(found.auroc.low) and np.isnan(found.recall.high)


def test_the_same_reading_has_not_changed() -> None:
    rng = np.random.default_rng(0)
    positive = rng.random(500) < 0.3
    scores = rng.normal(size=500) + positive
    first, same, worse = detection(
        [scores, scores, rng.normal(size=500)], positive, np.arange(500) // 5, resamples=200
    )
    assert same == first and first.auroc.change == first.auroc.change_high == 0
    assert worse.auroc.change_high < 0
    assert first.auroc.low < first.auroc.value < first.auroc.high


def test_intervals_cover_the_true_auroc() -> None:
    """Of 200 samples about 95% have an interval around the AUROC of two normal distributions."""
    from scipy.stats import norm

    rng = np.random.default_rng(1)
    truth, covered = float(norm.cdf(1 / np.sqrt(2))), 0
    for _ in range(200):
        positive = rng.random(200) < 0.5
        scores = rng.normal(size=200) + positive
        (found,) = detection([scores], positive, np.arange(200), resamples=200)
        covered += found.auroc.low <= truth <= found.auroc.high
    assert 180 <= covered <= 199
