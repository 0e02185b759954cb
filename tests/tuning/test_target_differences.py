"""Differences between recipes on the same texts: their size, and what their intervals cover."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats
from sklearn.metrics import matthews_corrcoef

from probekit.errors import InputError
from probekit.tuning.predicted import Answers
from probekit.tuning.target_differences import RecipeAtRate, TargetDifference, target_differences

FULL, LORA = RecipeAtRate("full", "2e-05"), RecipeAtRate("lora", "0.0005")


def answers(wrong: np.ndarray, groups: np.ndarray | None = None) -> Answers:
    """Predictions that are wrong of these texts, whose labels alternate."""
    gold = np.arange(len(wrong)) % 2
    own = np.arange(len(wrong)) if groups is None else groups
    return Answers(gold, np.where(wrong, 1 - gold, gold), own)


def difference(
    full: np.ndarray, lora: np.ndarray, groups: np.ndarray | None = None, metric: str = "accuracy"
) -> TargetDifference:
    """Of lora from full, whose errors are `(seeds, texts)`."""
    said = {}
    for name, errors in ((FULL, full), (LORA, lora)):
        said[name] = {seed: answers(own, groups) for seed, own in enumerate(errors)}
    (found,) = target_differences(metric, said, FULL).values()
    return found


def test_over_texts_it_is_the_paired_interval() -> None:
    """Seeds that agree leave the normal interval of the mean difference over texts."""
    random = np.random.default_rng(0)
    full, lora = random.random((2, 2000)) < np.array([[0.3], [0.25]])
    found = difference(np.stack([full] * 3), np.stack([lora] * 3))
    change = full.astype(float) - lora
    low, high = stats.norm.interval(0.95, change.mean(), stats.sem(change))
    assert found.value == pytest.approx(change.mean())
    assert (found.low, found.high) == pytest.approx((low, high), abs=0.1 * (high - low))


def test_over_seeds_it_has_students_intervals_of_both() -> None:
    """Models that differ by the same on every text have no chance of texts."""
    errors = []
    for recipe in ((0, 1, 1), (1, 2, 4)):
        by_seed = [np.tile(np.arange(10) < wrong, 10) for wrong in recipe]
        errors.append(np.stack(by_seed))
    full, lora = errors
    found = difference(full, lora, np.repeat(np.arange(10), 10))
    halves = [stats.t.interval(0.95, 2, 0, stats.sem(own.mean(axis=1)))[1] for own in errors]
    half = np.hypot(*halves)
    assert tuple(found) == pytest.approx((-1 / 6, -1 / 6 - half, -1 / 6 + half))


def test_errors_that_recipes_share_do_not_count() -> None:
    random = np.random.default_rng(1)
    shared = random.random(400) < 0.4
    own = random.random((2, 3, 400)) < 0.02
    found = difference(shared | own[0], shared | own[1])
    alone = 1.96 * np.sqrt(0.4 * 0.6 / 400)  # half the interval of one recipe
    assert found.high - found.low < alone


@pytest.mark.parametrize("metric", ["macro_f1", "matthews"])
def test_other_metrics(metric: str) -> None:
    random = np.random.default_rng(2)
    full, lora = random.random((2, 3, 300)) < 0.3
    found = difference(full, lora, metric=metric)
    if metric == "matthews":
        gold = np.arange(300) % 2
        changes = []
        for one, other in zip(lora, full, strict=True):
            of_lora = matthews_corrcoef(gold, np.where(one, 1 - gold, gold))
            changes.append(of_lora - matthews_corrcoef(gold, np.where(other, 1 - gold, gold)))
        assert found.value == pytest.approx(np.mean(changes))
    assert found.low < found.value < found.high


@pytest.mark.parametrize("true", [0.0, 0.05])
def test_intervals_cover_the_true_difference(true: float) -> None:
    """Texts differ in difficulty, sentences of a document and seeds of fine-tuning are alike: of
    200 grids, a few percent miss."""
    random, covered = np.random.default_rng(3), 0
    groups = np.repeat(np.arange(150), 3)
    for _ in range(200):
        difficulty = np.repeat(random.normal(0, 0.15, 150), 3)
        errors = []
        for accuracy in (0.7, 0.7 - true):
            of_documents = np.repeat(random.normal(0, 0.1, 150), 3)
            of_seeds = random.normal(0, 0.015, (3, 1))
            right = np.clip(accuracy + difficulty + of_documents + of_seeds, 0, 1)
            errors.append(random.random((3, 450)) > right)
        full, lora = errors
        found = difference(full, lora, groups)
        covered += found.low <= -true <= found.high
    assert covered >= 186


def test_one_seed_has_no_interval() -> None:
    wrong = np.random.default_rng(4).random((4, 100)) < 0.3
    found = difference(wrong[:3], wrong[3:])
    assert found.value == pytest.approx(wrong[:3].mean() - wrong[3].mean())
    assert np.isnan(found.low) and np.isnan(found.high)


@pytest.mark.parametrize("seed_spread", [0.01, 0.05])
def test_equal_recipes_are_seldom_found_below_the_best_on_dev(seed_spread: float) -> None:
    """Of nine equal ones, whose models differ by seeds in their true scores, which dev sees."""
    random, found = np.random.default_rng(5), 0
    for _ in range(100):
        said: dict[RecipeAtRate, dict[int, Answers]] = {}
        dev = {}
        difficulty = random.normal(0, 0.25, 500)
        for number in range(9):
            shares = 0.7 + random.normal(0, seed_spread, 3)
            own = difficulty + random.normal(0, 0.2, 500)
            name = RecipeAtRate(f"recipe-{number}", "1")
            dev[name] = shares.mean() + random.normal(0, 0.01)
            said[name] = {}
            for seed, share in enumerate(shares):
                said[name][seed] = answers(random.random(500) > np.clip(share + own, 0, 1))
        best = max(dev, key=lambda one: dev[one])
        found += any(one.high < 0 for one in target_differences("accuracy", said, best).values())
    assert found <= 20


def test_other_texts_are_refused() -> None:
    full = {seed: answers(np.zeros(10, dtype=bool)) for seed in (0, 1)}
    lora = {seed: answers(np.zeros(11, dtype=bool)) for seed in (0, 1)}
    with pytest.raises(InputError, match=r"lora at 0\.0005, seed 0, was tested on other texts"):
        target_differences("accuracy", {FULL: full, LORA: lora}, FULL)
