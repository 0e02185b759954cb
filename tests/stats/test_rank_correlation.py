"""Rank correlation: what it is, how often its interval covers, and few or equal values."""

from __future__ import annotations

import numpy as np
import pytest

from probekit.stats.rank_correlation import rank_correlation


def test_a_perfect_order_of_few_is_no_certainty() -> None:
    numbers = np.arange(4.0)
    found = rank_correlation(numbers, numbers**3)
    assert found.rho == 1 and found.high == 1 and found.low < 0
    other = rank_correlation(numbers, -numbers)
    assert other.rho == -1 and other.low == -1 and other.high > 0


def test_values_that_do_not_vary_or_are_few_have_none() -> None:
    assert np.isnan(rank_correlation(np.arange(5.0), np.ones(5)).rho)
    few = rank_correlation(np.arange(3.0), np.array([0.0, 2, 1]))
    assert few.rho == pytest.approx(0.5) and np.isnan(few.low)


@pytest.mark.parametrize("correlation", [0.0, 0.6])
def test_intervals_cover(correlation: float) -> None:
    rng = np.random.default_rng(0)
    true = 6 / np.pi * np.arcsin(correlation / 2)  # of normal values
    covered = 0
    for _ in range(400):
        first, noise = rng.standard_normal((2, 12))
        second = correlation * first + np.sqrt(1 - correlation**2) * noise
        found = rank_correlation(first, second)
        covered += found.low <= true <= found.high
    assert 0.91 <= covered / 400 <= 0.99
