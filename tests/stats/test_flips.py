"""Flips: what is counted, what chance gives, and how often intervals cover."""

from __future__ import annotations

import numpy as np
import pytest

from probekit.stats.flips import flips


def test_lost_and_gained_are_counted_apart() -> None:
    before, after = np.array([1.0, 1, 1, 0, 0.5, 1]), np.array([1.0, 0, 0.5, 1, 0.5, 1])
    found = flips(before, after, np.arange(6))
    assert found.lost == pytest.approx(1.5 / 6)
    assert found.gained == pytest.approx(1 / 6)
    assert found.gained - found.lost == pytest.approx(after.mean() - before.mean())
    same = flips(before, before, np.arange(6))
    assert same.lost == same.gained == same.lost_low == 0


def test_what_chance_gives_is_what_shuffled_answers_give() -> None:
    rng = np.random.default_rng(0)
    before, after = (rng.random(400) < 0.7).astype(float), (rng.random(400) < 0.6).astype(float)
    found = flips(before, after, np.arange(400))
    simulated = []
    for _ in range(2_000):
        shuffled = rng.permutation(after)
        simulated.append(
            [np.mean((before == 1) & (shuffled == 0)), np.mean((before == 0) & (shuffled == 1))]
        )
    lost, gained = np.mean(simulated, axis=0)
    error = 3 * np.std(simulated, axis=0) / np.sqrt(len(simulated))
    assert abs(found.lost_by_chance - lost) < error[0]
    assert abs(found.gained_by_chance - gained) < error[1]
    # A control: models that err on the same instances are far from it.
    alike = flips(before, before * (rng.random(400) < 0.95), np.arange(400))
    assert alike.lost_high < alike.lost_by_chance


def test_intervals_resample_sentences_and_cover() -> None:
    rng = np.random.default_rng(1)
    covered = 0
    for _ in range(200):
        groups = np.repeat(np.arange(60), 2)
        lost = np.repeat(rng.random(60) < 0.2, 2)  # both instances of a sentence flip together
        found = flips(np.ones(120), 1.0 - lost, groups)
        covered += found.lost_low <= 0.2 <= found.lost_high
    assert 0.88 <= covered / 200 <= 0.99
    few = flips(np.ones(8), np.array([1.0, 1, 1, 1, 1, 1, 1, 0]), np.arange(8))
    assert few.lost_high > 0.375 + 0.05  # percentiles alone would be too narrow
    alone = flips(np.array([1.0]), np.array([0.0]), np.zeros(1, dtype=int))
    assert np.isnan(alone.lost_low)


@pytest.mark.parametrize("true", [0.02, 0.1])
def test_where_nothing_flips_others_may(true: float) -> None:
    """A flip that is rare is often in none of 20 sentences, and the interval must say so."""
    rng = np.random.default_rng(2)
    covered = 0
    for _ in range(300):
        lost = rng.random(20) < true
        found = flips(np.ones(20), 1.0 - lost, np.arange(20))
        covered += found.lost_low <= true <= found.lost_high
    assert covered / 300 >= 0.94
    none = flips(np.ones(100), np.ones(100), np.arange(100))
    assert none.lost_low == 0 and none.lost_high == pytest.approx(0.03, abs=0.001)
