"""Adjusted p-values, against values worked out by hand and against what they promise."""

from __future__ import annotations

import numpy as np

from probekit.stats.correction import adjust


def test_by_hand() -> None:
    p = np.array([0.01, 0.04, 0.03, 0.005])
    np.testing.assert_allclose(adjust(p, "holm"), [0.03, 0.06, 0.06, 0.02])
    np.testing.assert_allclose(adjust(p, "bh"), [0.02, 0.04, 0.04, 0.02])
    np.testing.assert_allclose(adjust(p, "none"), p)


def test_holm_rarely_finds_anything_in_noise() -> None:
    rng = np.random.default_rng(0)
    found = [(adjust(rng.uniform(size=30), "holm") <= 0.05).any() for _ in range(2_000)]
    assert 0.03 < np.mean(found) < 0.07
