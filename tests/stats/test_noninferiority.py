"""Non-inferiority: how often verdicts are wrong, and whether the data they ask for is enough, on
simulated sentences whose true loss is known."""

from __future__ import annotations

from dataclasses import replace
from math import isnan, nan
from typing import Any

import numpy as np
import pytest

from probekit.stats import paired
from probekit.stats.metrics import METRICS
from probekit.stats.noninferiority import (
    Change,
    Needed,
    decide,
    error_at_margin,
    interval,
    needed,
    p_value,
)

TIMES = 400
MARGIN = 0.01
ACCURACY = 0.85


def simulated(
    loss: float,
    *,
    sentences: int,
    words: int = 10,
    churn: float = 0.02,
    clumps: float = 0.5,
    seeds: int = 1,
    between_seeds: float = 0.0,
    seed: int = 0,
) -> list[Change]:
    """TIMES changes between two checkpoints of which the second loses `loss` in truth.

    Args:
        loss: the true loss of accuracy.
        sentences, words: that are tested: sentences, and words of each.
        churn: share of the words that flip either way besides the loss.
        clumps: variance of how prone sentences are to lose words, whose mean is 1.
        seeds: probes.
        between_seeds: standard deviation of their own losses.
        seed: of the simulation.
    """
    rng = np.random.default_rng(seed)
    before = np.empty((TIMES, seeds, sentences, 2))
    after = np.empty_like(before)
    before[..., 1] = after[..., 1] = words
    for time in range(TIMES):
        prone = rng.gamma(1 / clumps, clumps, size=sentences)
        for probe in range(seeds):
            more = rng.normal(0, between_seeds)
            is_lost = np.clip((churn / 2 + loss + more) / ACCURACY * prone, 0, 1)
            is_gained = np.clip(churn / 2 / (1 - ACCURACY) * rng.permutation(prone), 0, 1)
            right = rng.binomial(words, ACCURACY, size=sentences)
            changed = rng.binomial(words - right, is_gained) - rng.binomial(right, is_lost)
            before[time, probe, :, 0] = right
            after[time, probe, :, 0] = right + changed
    shared = paired.resampling(sentences, permutations=0)
    found = paired.difference(METRICS["accuracy"], before, after, shared)
    changes = []
    for time in range(TIMES):
        change = Change(
            value=found.value[time],
            low=found.low[time],
            high=found.high[time],
            margin=MARGIN,
            sentences=sentences,
            seeds=seeds,
            from_test=found.from_test[time],
            from_seeds=found.from_seeds[time],
            least_error=error_at_margin(MARGIN, sentences * words),
            instances=sentences * words,
        )
        changes.append(change)
    return changes


def share(changes: list[Change], verdict: str) -> float:
    """The share of changes that have a verdict, each decided alone."""
    return float(np.mean([decide([change])[0].verdict == verdict for change in changes]))


SETTINGS: list[dict[str, Any]] = [
    {"sentences": 30},
    {"sentences": 30, "words": 4, "churn": 0.002},
    {"sentences": 100, "churn": 0.002, "clumps": 3.0},
    {"sentences": 300},
    {"sentences": 300, "seeds": 3, "between_seeds": 0.003},
    {"sentences": 1_000},
]


@pytest.mark.parametrize("setting", SETTINGS, ids=str)
def test_wrong_verdicts_are_rare(setting: dict[str, Any]) -> None:
    at_margin = simulated(MARGIN, **setting)
    assert share(at_margin, "PASS") <= 0.05
    assert share(at_margin, "FAIL") <= 0.05
    assert share(simulated(0.0, **setting), "FAIL") <= 0.05
    assert share(simulated(2 * MARGIN, **setting), "PASS") <= 0.05


def test_few_words_of_which_none_flips_show_nothing() -> None:
    changes = simulated(MARGIN, sentences=20, words=5, churn=0.0)
    unharmed = [change for change in changes if change.low == change.high == 0]
    assert len(unharmed) > TIMES / 5  # chance alone spares all words this often
    assert {decide([change])[0].verdict for change in unharmed} == {"CANNOT TELL"}
    assert {decide([replace(one, least_error=0.0)])[0].verdict for one in unharmed} == {"PASS"}


def test_with_enough_sentences_half_the_margin_passes() -> None:
    assert share(simulated(MARGIN / 2, sentences=1_500), "PASS") >= 0.9
    assert share(simulated(3 * MARGIN / 2, sentences=2_000), "FAIL") >= 0.9


TRUTH = 1_140
"""Sentences with which 9 of 10 repetitions of half the margin pass."""


def test_what_enough_sentences_are() -> None:
    assert share(simulated(MARGIN / 2, sentences=int(TRUTH / 1.25)), "PASS") < 0.9
    assert share(simulated(MARGIN / 2, sentences=int(TRUTH * 1.25)), "PASS") > 0.9


@pytest.mark.parametrize("loss", [MARGIN / 4, MARGIN / 2, 3 * MARGIN / 4, MARGIN, 5 * MARGIN / 4])
@pytest.mark.parametrize(("sentences", "most"), [(150, 0.8), (300, 0.9)])
def test_the_sentences_that_it_asks_for_are_enough_and_not_too_many(
    sentences: int, most: float, loss: float
) -> None:
    asked = []
    for change in simulated(loss, sentences=sentences, seed=1):
        decision = decide([change])[0]
        if decision.verdict == "CANNOT TELL":
            found = needed(change, decision.level).sentences
            assert found is not None
            asked.append(found)
    assert len(asked) >= 100
    assert TRUTH / 1.2 < np.median(asked) < TRUTH * 1.2
    within = [TRUTH / 1.5 < n < TRUTH * 1.5 for n in asked]
    assert np.mean(within) >= most


OTHERS: list[tuple[dict[str, Any], int]] = [
    ({"churn": 0.005, "clumps": 2.0}, 467),
    ({"words": 4, "churn": 0.01, "clumps": 1.0}, 1_615),
    ({"churn": 0.1}, 5_389),
]
"""Other texts, and the sentences that they need by the variance of two million sentences: few flips
in few sentences, short sentences, and many flips."""


@pytest.mark.slow
@pytest.mark.parametrize("loss", [MARGIN / 4, MARGIN / 2, 5 * MARGIN / 4])
@pytest.mark.parametrize(("setting", "truth"), OTHERS, ids=str)
def test_the_middle_estimate_is_near_on_other_texts(
    setting: dict[str, Any], truth: int, loss: float
) -> None:
    asked = []
    for change in simulated(loss, sentences=150, seed=1, **setting):
        decision = decide([change])[0]
        if decision.verdict == "CANNOT TELL":
            sentences = needed(change, decision.level).sentences
            assert sentences is not None
            asked.append(sentences)
    assert len(asked) >= 50
    assert truth / 1.5 < np.median(asked) < truth * 1.5


def test_what_a_loss_adds_to_the_variance_is_not_planned_with() -> None:
    given: dict[str, Any] = {"margin": MARGIN, "sentences": 200}
    lossy = Change(value=-0.01, low=-0.02, high=0.0, **given)
    none = Change(value=0.0, low=-0.01, high=0.01, **given)
    assert needed(lossy).sentences == needed(none).sentences
    fewer, more = (needed(replace(one, instances=2_000)).sentences for one in (lossy, none))
    planned = needed(lossy).sentences
    assert fewer is not None and planned is not None and more is not None
    assert fewer < planned < more


def test_seeds_are_asked_for_where_they_are_what_varies() -> None:
    change = Change(
        value=-0.004,
        low=-0.03,
        high=0.022,
        margin=MARGIN,
        sentences=5_000,
        seeds=3,
        from_test=0.01,
        from_seeds=0.99,
    )
    found = needed(change)
    assert found.sentences is None
    assert found.seeds is not None and found.seeds > 3
    assert needed(replace(change, from_test=0.5, from_seeds=0.0, from_training=0.5)).seeds is None


def test_more_of_all_data_is_asked_for_where_no_source_alone_is_enough() -> None:
    change = Change(
        value=-0.004,
        low=-0.024,
        high=0.016,
        margin=MARGIN,
        sentences=500,
        seeds=50,
        resamples=50,
        from_test=0.4,
        from_seeds=0.2,
        from_training=0.4,
    )
    found = needed(change)
    assert found.sentences is None and found.seeds is None
    # (1.96 + 1.28) standard errors of 0.0102 have to shrink to half the margin.
    assert found.times == pytest.approx((3.24 * 0.0102 / 0.005) ** 2, rel=0.05)
    assert not found.is_near


def test_near_the_limit_the_observed_distance_counts() -> None:
    change = Change(value=-0.009, low=-0.011, high=-0.007, margin=MARGIN, sentences=2_000)
    found = needed(change)
    # The half-width of 0.002 has to shrink to 0.001, the distance from the limit.
    assert found.is_near
    assert found.sentences == pytest.approx(2_000 * (0.002 / 0.001) ** 2, rel=0.01)
    assert found.times == pytest.approx(4, rel=0.01)


@pytest.mark.parametrize("distance", [-0.0006, -0.0001, 0.0, 0.0001, 0.0006])
def test_so_near_that_ten_times_the_data_are_not_enough_no_number_is_said(distance: float) -> None:
    value = distance - MARGIN
    half = 0.002
    change = Change(
        value=value, low=value - half, high=value + half, margin=MARGIN, sentences=2_000, seeds=3
    )
    assert needed(change) == Needed(None, None, None, is_near=True)
    # Far from the limit, a margin that asks for more than ten times the data is a plan, and said.
    planned = needed(replace(change, value=0.0, low=-0.02, high=0.02))
    assert planned.sentences is not None and planned.sentences > 10 * change.sentences
    assert not planned.is_near


def test_of_losses_at_the_margin_no_estimate_near_it_is_out_of_reach() -> None:
    """No data settle a loss of exactly the margin: one in ten would ask for 200 times as many."""
    sentences, near, told = 1_500, 0, 0
    for change in simulated(MARGIN, sentences=sentences):
        if decide([change])[0].verdict != "CANNOT TELL":
            continue
        found = needed(change)
        near += found.is_near
        told += found.sentences is not None
        assert found.sentences is None or found.sentences <= 10 * sentences
    assert near > 300 and 0.3 < told / near < 0.8


def test_a_family_is_rarely_wrong_anywhere() -> None:
    members = [simulated(MARGIN, sentences=200, seed=seed) for seed in range(5)]
    wrong = {"holm": 0, "none": 0}
    for family in zip(*members, strict=True):
        for correction in wrong:
            decided = decide(family, correction)  # type: ignore[arg-type]
            wrong[correction] += any(one.verdict != "CANNOT TELL" for one in decided)
    assert wrong["holm"] / TIMES <= 0.05 < wrong["none"] / TIMES


def test_a_verdict_is_where_its_interval_lies() -> None:
    rng = np.random.default_rng(0)
    for _ in range(200):
        family = []
        for value, half in zip(
            rng.normal(-0.01, 0.02, 4), rng.uniform(0.001, 0.02, 4), strict=True
        ):
            change = Change(
                value=value,
                low=value - half,
                high=value + 1.2 * half,
                margin=MARGIN,
                sentences=int(rng.integers(5, 500)),
                seeds=3,
                from_test=0.7,
                from_seeds=0.3,
            )
            family.append(change)
        for one in decide(family):
            expected = "CANNOT TELL"
            if one.low > -MARGIN:
                expected = "PASS"
            if one.high < -MARGIN:
                expected = "FAIL"
            assert one.verdict == expected
            assert 0.95 <= one.level <= 1 - 0.05 / 4


def test_alone_the_interval_is_the_one_given() -> None:
    change = Change(value=-0.01, low=-0.03, high=0.02, margin=0.02, sentences=40)
    assert interval(change, 0.95) == pytest.approx((-0.03, 0.02))
    wider = interval(change, 0.99)
    assert wider[0] < -0.03 and wider[1] > 0.02
    at_end = replace(change, margin=0.03)
    assert p_value(at_end) == pytest.approx(0.05)


def test_without_an_interval_nothing_is_told() -> None:
    for unknown in ({"low": nan, "high": nan}, {"margin": nan}):
        given: dict[str, float] = {"value": 0.0, "low": -0.1, "high": 0.1, "margin": 0.2}
        change = Change(**{**given, **unknown}, sentences=1)  # type: ignore[arg-type]
        (decision,) = decide([change])
        assert decision.verdict == "CANNOT TELL" and decision.p_value == 1
        assert isnan(decision.low) and needed(change) == Needed(None, None, None)
    same = Change(value=0.0, low=0.0, high=0.0, margin=0.01, sentences=3)
    assert decide([same])[0].verdict == "PASS"
    assert decide([]) == []


def test_an_interval_ends_where_a_change_can_go_no_further() -> None:
    change = Change(value=-0.9, low=-1.0, high=-0.8, margin=0.01, sentences=3, most=1.0)
    low, high = interval(change, 0.999)
    assert low == -1 and -0.9 < high <= 1
    assert interval(replace(change, most=2.0), 0.999)[0] < -1
