"""Paired differences against scipy's referees, and against the truth: chance is called chance, a
drop a drop."""

from __future__ import annotations

import tracemalloc
from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from probekit.stats import paired
from probekit.stats.metrics import METRICS

ACCURACY = METRICS["accuracy"]


def answers(
    rng: np.random.Generator, chances: np.ndarray, groups: int, seeds: int = 1
) -> np.ndarray:
    """Counts `(cells, seeds, groups, 2)` of ten answers per group, correct with these chances."""
    shape = (len(chances), seeds, groups)
    correct = rng.binomial(10, np.broadcast_to(chances[:, None, None], shape)).astype(float)
    return np.stack([correct, np.full_like(correct, 10)], axis=-1)


def test_nothing_differs_from_itself() -> None:
    counts = answers(np.random.default_rng(0), np.array([0.3, 0.9]), 50, seeds=3)
    found = paired.difference(ACCURACY, counts, counts, paired.resampling(50))
    assert (found.value == 0).all() and (found.p_value == 1).all()
    assert (found.low == 0).all() and (found.high == 0).all() and (found.detectable == 0).all()


def test_p_values_and_intervals_are_scipys() -> None:
    rng = np.random.default_rng(1)
    first, second = answers(rng, np.array([0.7]), 80), answers(rng, np.array([0.73]), 80)
    found = paired.difference(ACCURACY, first, second, paired.resampling(80, resamples=20_000))
    change = (second[0, 0, :, 0] - first[0, 0, :, 0]) / 10
    permuted = stats.permutation_test(
        (change,),
        np.mean,
        permutation_type="samples",
        n_resamples=20_000,
        rng=np.random.default_rng(2),
    )
    booted = stats.bootstrap(
        (change,), np.mean, method="percentile", n_resamples=20_000, rng=np.random.default_rng(3)
    ).confidence_interval
    assert found.value[0] == pytest.approx(change.mean())
    assert found.p_value[0] == pytest.approx(permuted.pvalue, abs=0.015)
    assert (found.low[0], found.high[0]) == pytest.approx((booted.low, booted.high), abs=0.004)


@pytest.mark.parametrize("groups", [3, 5, 10])
def test_intervals_of_few_groups_are_wide_enough(groups: int) -> None:
    rng = np.random.default_rng(10)
    first, second = (answers(rng, np.full(600, 0.7), groups) for _ in range(2))
    found = paired.difference(ACCURACY, first, second, paired.resampling(groups))
    assert (
        (found.low <= 0) & (found.high >= 0)
    ).mean() >= 0.92  # by percentiles alone 0.83 of five groups


def test_one_group_has_no_interval() -> None:
    counts = answers(np.random.default_rng(11), np.array([0.7]), 1)
    found = paired.difference(ACCURACY, counts, counts, paired.resampling(1))
    assert np.isnan(found.low[0]) and found.p_value[0] == 1


@pytest.mark.parametrize("seeds", [2, 3, 5])
@pytest.mark.parametrize("common", [0.0, 0.9])
def test_seeds_that_see_the_same_sentences_cost_little(seeds: int, common: float) -> None:
    """Sentences that are hard for every seed alike, a new draw of them for either side."""
    rng, cells, groups = np.random.default_rng(12), 400, 200
    sides = []
    for _ in range(2):
        hard = np.broadcast_to(rng.random((cells, 1, groups, 10)), (cells, seeds, groups, 10))
        luck = np.where(
            rng.random((cells, seeds, groups, 10)) < common,
            hard,
            rng.random((cells, seeds, groups, 10)),
        )
        answers = (luck < 0.7).sum(axis=-1).astype(float)
        sides.append(np.stack([answers, np.full_like(answers, 10)], axis=-1))
    found = paired.difference(ACCURACY, sides[0], sides[1], paired.resampling(groups))
    assert (found.p_value <= 0.05).mean() <= 0.07
    assert ((found.low <= 0) & (found.high >= 0)).mean() >= 0.92
    if common and seeds > 2:
        assert (found.p_value <= 0.05).mean() >= 0.01  # not so careful that nothing is ever found
        assert np.median(found.detectable) < 0.08


def test_f1_changes_sides_group_by_group() -> None:
    rng = np.random.default_rng(4)
    first, second = (rng.integers(0, 6, size=(1, 1, 60, 3)).astype(float) for _ in range(2))
    shared = paired.resampling(60, resamples=2_000)
    found = paired.difference(METRICS["f1"], first, second, shared)

    def f1(counts: np.ndarray) -> float:
        tp, fp, fn = counts.sum(axis=0)
        return 2 * tp / (2 * tp + fp + fn)

    a, b = first[0, 0], second[0, 0]
    null = [
        f1(np.where(s[:, None] == 1, a, b)) - f1(np.where(s[:, None] == 1, b, a))
        for s in shared.permutations
    ]
    expected = (1 + sum(abs(x) >= abs(f1(b) - f1(a)) - 1e-12 for x in null)) / 2_001
    assert found.value[0] == pytest.approx(f1(b) - f1(a))
    assert found.p_value[0] == pytest.approx(expected)


def test_chance_is_called_chance_and_the_stated_drop_is_found() -> None:
    rng = np.random.default_rng(5)
    shared, cells = paired.resampling(100), 400
    first = answers(rng, np.full(cells, 0.7), 100)
    same = paired.difference(ACCURACY, first, answers(rng, np.full(cells, 0.7), 100), shared)
    assert (same.p_value <= 0.05).mean() <= 0.07
    assert ((same.low <= 0) & (same.high >= 0)).mean() >= 0.92
    drop = float(same.detectable.mean())
    lower = paired.difference(
        ACCURACY, first, answers(rng, np.full(cells, 0.7 - drop), 100), shared
    )
    # `detectable` is the drop that is found four times in five.
    assert 0.74 <= (lower.p_value <= 0.05).mean() <= 0.87


def test_the_spread_between_seeds_counts() -> None:
    rng = np.random.default_rng(6)
    cells, seeds, groups = 300, 3, 400
    # Every seed has a skill of its own, so that the same model's probes differ by more than their
    # sentences say.
    skill = np.clip(0.7 + 0.02 * rng.normal(size=(2, cells, seeds, 1)), 0, 1)
    answers = rng.binomial(10, np.broadcast_to(skill, (2, cells, seeds, groups))).astype(float)
    first, second = np.stack([answers, np.full_like(answers, 10)], axis=-1)
    found = paired.difference(ACCURACY, first, second, paired.resampling(groups))
    assert (found.p_value <= 0.05).mean() <= 0.07
    alone = paired.difference(ACCURACY, first[:, :1], second[:, :1], paired.resampling(groups))
    assert (alone.p_value <= 0.05).mean() > 0.2  # what one seed would have claimed


def test_seeds_that_agree_on_the_sum_and_not_on_the_sentences_prove_nothing() -> None:
    before = np.ones((1, 3, 290, 2))
    after = before.copy()
    for seed in range(3):
        after[0, seed, seed, 0] = 0  # each seed misses one other sentence
    found = paired.difference(ACCURACY, before, after, paired.resampling(290))
    assert found.value[0] == pytest.approx(-1 / 290)
    # Of eight ways to change sides in three sentences two are as extreme.
    assert found.p_value[0] == pytest.approx(2 / 8, abs=0.05)
    assert found.low[0] < found.value[0] < found.high[0] and found.high[0] >= -1e-9


def test_a_correction_leaves_room_for_the_smallest_p_value() -> None:
    for cells in (1, 65, 105):
        assert cells / (paired.permutations_for(cells) + 1) < 0.05


@pytest.mark.parametrize("block", [1, 1_000, 1 << 18])
@pytest.mark.parametrize("name, k", [("accuracy", 2), ("macro_f1", 12), ("f1", 3)])
def test_what_is_held_at_once_changes_no_number(
    name: str, k: int, block: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    rng, metric = np.random.default_rng(5), METRICS[name]
    first, second = (rng.integers(0, 4, size=(4, 2, 40, k)).astype(float) for _ in range(2))
    for counts in (first, second):
        counts[..., 1] += counts[..., 0] if name == "accuracy" else 0
        counts[1, :, 5:] = 0  # a rare kind: most groups have none
        counts[2] = 0
    whole = paired.resampling(40, resamples=60, permutations=90)
    expected = paired.difference(metric, first, second, whole)
    monkeypatch.setattr(paired, "BLOCK", block)
    in_blocks = paired.resampling(40, resamples=60, permutations=90)
    assert np.array_equal(in_blocks.permutations, whole.permutations)
    found = paired.difference(metric, first, second, in_blocks)
    assert np.array_equal(found.p_value, expected.p_value)
    for column in ("value", "low", "high", "detectable"):
        np.testing.assert_allclose(getattr(found, column), getattr(expected, column), atol=1e-12)


@pytest.mark.slow
def test_a_thousand_kinds_of_instances_fit_into_memory() -> None:
    kinds, groups = 1_000, 400
    rng = np.random.default_rng(6)
    first = np.zeros((kinds, 1, groups, 2))
    for kind in range(kinds):  # most labels are rare
        where = rng.integers(0, groups, size=1 + 400 // (kind + 1))
        first[kind, 0, where] = 1, 1
    second = first.copy()
    second[:, :, ::3, 0] = 0
    tracemalloc.start()
    shared = paired.resampling(groups, permutations=paired.permutations_for(kinds))
    found = paired.difference(ACCURACY, first, second, shared)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 400 * 2**20  # all at once it was 25 times as much
    assert found.p_value.shape == (kinds,) and found.p_value[0] < 0.001


def test_without_permutations_there_is_an_interval_and_no_p_value() -> None:
    first, second = (
        answers(np.random.default_rng(seed), np.array([0.5, 0.9]), 40) for seed in (13, 14)
    )
    found = paired.difference(ACCURACY, first, second, paired.resampling(40, permutations=0))
    whole = paired.difference(ACCURACY, first, second, paired.resampling(40))
    for column in ("value", "low", "high", "detectable"):
        assert np.array_equal(getattr(found, column), getattr(whole, column))
    assert (found.p_value == 1).all() and (whole.p_value < 1).any()


def test_differences_reach_as_far_as_the_metric_does() -> None:
    """A metric from -1 to 1: what lies beyond a difference of 1 is not cut off."""
    balance = replace(ACCURACY, score=lambda counts: 2 * ACCURACY.score(counts) - 1, low=-1)
    rng = np.random.default_rng(15)
    first, second = answers(rng, np.array([0.05]), 6), answers(rng, np.array([0.95]), 6)
    narrow, wide = (
        paired.difference(metric, first, second, paired.resampling(6))
        for metric in (ACCURACY, balance)
    )
    assert 1 < wide.low[0] < wide.value[0] < wide.high[0] <= 2
    assert wide.value[0] == pytest.approx(2 * narrow.value[0]) and narrow.high[0] <= 1
