"""The data-efficiency factor on curves whose answer is known."""

from __future__ import annotations

import math
from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.isotonic import isotonic_regression

from probekit.tuning import resampled_curves as curves_module
from probekit.tuning.data import Data, Examples
from probekit.tuning.efficiency import Factor, efficiency, isotonic, labels_needed, times_fewer
from probekit.tuning.kept_cells import Coordinates
from probekit.tuning.outcome import Outcome
from probekit.tuning.resampled_curves import Curves, resampled_curves
from probekit.tuning.transfer_rows import Measured, factor_rows, warnings_of

LABELS = np.array([10, 100, 1_000, 10_000])
TEXTS, SEEDS = 600, 3


def rate(labels: np.ndarray) -> np.ndarray:
    """Accuracy that rises linearly in the logarithm of the labels."""
    return 0.3 + 0.1 * np.log10(labels)


def made(accuracies: np.ndarray, seed: int, spread: float = 0.01) -> Curves:
    """Curves of methods whose predictions are right with these probabilities, `(methods, labels)`,
    and a little more or less for each seed."""
    random = np.random.default_rng(seed)
    shifts = random.normal(0, spread, (*accuracies.shape, SEEDS))
    chances = (accuracies[..., None] + shifts)[..., None]
    said = (random.random((*accuracies.shape, SEEDS, TEXTS)) > chances).astype(int)
    return resampled_curves("accuracy", np.zeros(TEXTS, dtype=int), np.arange(TEXTS), said)


def factor_of(curves: Curves, ours: int = 0, theirs: int = 1) -> Factor:
    """The factor of one method of some curves over another."""
    resampled = curves.resampled[ours].T, curves.resampled[theirs].T
    return efficiency(LABELS, curves.means[ours], curves.means[theirs], resampled)


def needed(scores: np.ndarray, target: float) -> float:
    return float(labels_needed(LABELS, scores[None], np.array([target]))[0])


def fewer(scores: np.ndarray, reference: np.ndarray) -> float:
    return float(times_fewer(LABELS, scores[None], reference[None])[0])


@given(st.lists(st.lists(st.floats(0, 1), min_size=5, max_size=5), min_size=1, max_size=8))
def test_curves_are_made_monotone_as_scikit_learn_does(curves: list[list[float]]) -> None:
    expected = [isotonic_regression(np.array(curve)) for curve in curves]
    np.testing.assert_allclose(isotonic(np.array(curves)), expected, atol=1e-12)


def test_labels_are_read_off_in_their_logarithm() -> None:
    scores = np.array([0.2, 0.4, 0.6, 0.8])
    assert needed(scores, 0.5) == pytest.approx(10**2.5)
    assert needed(scores, 0.8) == pytest.approx(10_000)
    assert needed(scores, 0.2) == 0  # the fewest are enough
    assert needed(scores, 0.81) == math.inf


def test_a_curve_that_falls_is_made_monotone() -> None:
    scores = np.array([0.2, 0.6, 0.4, 0.8])  # 0.5 at both in the middle
    assert needed(scores, 0.5) == pytest.approx(100)
    assert needed(scores, 0.35) == pytest.approx(10**1.5)


def test_a_curve_shifted_by_a_factor_of_10_needs_10_times_fewer() -> None:
    assert fewer(rate(10 * LABELS), rate(LABELS)) == pytest.approx(10)
    assert fewer(rate(3 * LABELS), rate(LABELS)) == pytest.approx(3)
    assert fewer(rate(LABELS), rate(LABELS)) == pytest.approx(1)


def test_off_the_scale() -> None:
    assert fewer(rate(LABELS) + 0.5, rate(LABELS)) == math.inf
    assert fewer(rate(LABELS) - 0.1, rate(LABELS)) == 0
    found = factor_of(made(np.stack([rate(LABELS) + 0.25, rate(LABELS) - 0.25]), 0))
    assert found == (math.inf, math.inf, math.inf)
    found = factor_of(made(np.stack([rate(LABELS) - 0.25, rate(LABELS) + 0.25]), 0))
    assert found == (0, 0, 0)


@pytest.mark.slow
@pytest.mark.parametrize("shift", [1, 10])
def test_the_interval_has_the_truth_about_as_often_as_it_claims(shift: int) -> None:
    """Predictions are drawn anew each time: of 40 intervals of 95%, few lack the factor."""
    covered, found = 0, []
    for seed in range(40):
        factor = factor_of(made(np.stack([rate(shift * LABELS), rate(LABELS)]), seed))
        covered += factor.low <= shift <= factor.high
        found.append(factor.value)
        assert factor.low <= factor.value <= factor.high
    assert covered >= 36
    finite = [value for value in found if 0 < value < math.inf]
    assert len(finite) > 15 and 0.6 * shift < np.median(finite) < 1.7 * shift


def test_an_interval_is_not_as_wide_as_the_scale() -> None:
    found = factor_of(made(np.stack([rate(10 * LABELS), rate(LABELS)]), 1))
    assert 1 < found.low < 10 < found.high < 1_000


def test_a_method_needs_as_many_labels_as_itself() -> None:
    for seed in range(5):
        found = factor_of(made(rate(LABELS)[None], seed), 0, 0)
        assert found.low <= 1 <= found.high


def test_one_seed_gives_the_interval_over_texts_alone() -> None:
    random = np.random.default_rng(0)
    said = (random.random((1, 2, 1, 400)) > 0.7).astype(int)
    gold, groups = np.zeros(400, dtype=int), np.arange(400)
    one = resampled_curves("accuracy", gold, groups, said)
    np.testing.assert_allclose(one.ends, one.cell_ends[..., 0])
    width = one.ends[1] - one.ends[0]
    np.testing.assert_allclose(width, 2 * 1.96 * np.sqrt(0.7 * 0.3 / 400), rtol=0.15)


def test_seeds_that_differ_widen_the_interval() -> None:
    gold, groups = np.zeros(400, dtype=int), np.arange(400)
    said = np.ones((1, 1, 3, 400), dtype=int)
    for seed, right in enumerate((150, 200, 250)):
        said[0, 0, seed, :right] = 0
    found = resampled_curves("accuracy", gold, groups, said)
    half = 4.303 * 0.125 / np.sqrt(3)  # Student's t with two degrees of freedom
    assert found.ends[1, 0, 0] - 0.5 == pytest.approx(half, rel=0.4)


def test_other_metrics_are_resampled_alike(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of two classes as frequent, macro F1 and accuracy move together; words stay with their
    text."""
    monkeypatch.setattr(curves_module, "RESAMPLES", 30)
    random = np.random.default_rng(0)
    gold = np.tile([0, 1], 200)
    said = np.where(random.random((1, 1, 2, 400)) < 0.8, gold, 1 - gold)
    groups = np.repeat(np.arange(100), 4)
    accuracy = resampled_curves("accuracy", gold, groups, said)
    f1 = resampled_curves("macro_f1", gold, groups, said)
    np.testing.assert_allclose(accuracy.means, f1.means, atol=0.01)
    np.testing.assert_allclose(accuracy.resampled, f1.resampled, atol=0.03)


def test_a_single_text_has_no_interval() -> None:
    said = np.zeros((2, 4, 1, 5), dtype=int)
    found = resampled_curves("accuracy", np.zeros(5, dtype=int), np.zeros(5, dtype=int), said)
    factor = factor_of(found)
    assert np.isnan(found.ends).all() and math.isnan(factor.low) and math.isnan(factor.high)


def told(accuracies: np.ndarray, seed: int) -> list[str]:
    """The warnings about a reference with these accuracies, where the most frequent label of
    training is never right."""
    examples = {
        split: Examples([("a",)] * TEXTS, [np.array([label])] * TEXTS)
        for split, label in (("train", 1), ("dev", 0), ("test", 0))
    }
    data = Data("d", "texts", examples, ("a", "b"), ("accuracy",))
    measured = Measured("m", data, ("ngrams",), tuple(LABELS.tolist()), (0, 1, 2), {}, {})
    return warnings_of(measured, made(accuracies[None], seed))


def test_the_score_to_reach_is_the_one_that_the_factor_is_of() -> None:
    """Of a reference that falls at the end, the end of its monotone curve."""
    accuracies = np.array([[0.5, 0.6, 0.7, 0.8], [0.3, 0.5, 0.66, 0.54]])
    methods = ("frozen", "ngrams")
    outcomes = {}
    for method, labels, seed in product(methods, LABELS.tolist(), range(SEEDS)):
        outcomes[Coordinates(method, labels, seed)] = Outcome(np.zeros(1), 0.5, 1.0, 1.0)
    data = Data("d", "texts", {}, ("a", "b"), ("accuracy",))
    measured = Measured("m", data, methods, tuple(LABELS.tolist()), (0, 1, 2), outcomes, {})
    curves = made(accuracies, 0)
    (row,) = factor_rows(measured, curves)
    assert row.score > curves.means[1, -1] + 0.03
    assert needed(curves.means[0], row.score) == pytest.approx(row.needed)


def test_a_reference_that_has_levelled_off_is_reported() -> None:
    """A curve that does not rise any more reaches its end with fewer labels itself: of a method
    that is no better, chance makes the factor anything."""
    level = np.array([0.4, 0.6, 0.6, 0.6])
    factors = [factor_of(made(np.stack([level, level]), seed, 0.0)).value for seed in range(10)]
    assert max(factors) > 20 and min(factors) == 0
    found = [told(level, seed) for seed in range(10)]
    assert sum(map(len, found)) >= 8
    assert "not clearly better with 10,000 labels than with 1,000" in str(found)
    assert not any(told(rate(LABELS), seed) for seed in range(10))
    (nothing,) = told(np.zeros(4), 0)
    assert "most frequent label" in nothing
