"""Maps find the map that was there."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.linalg import orthogonal_procrustes
from sklearn.linear_model import Ridge

from probekit.forgetting.maps import procrustes, ridges

RNG = np.random.default_rng(0)
SOURCE = (RNG.normal(size=(500, 12)) * np.linspace(0.5, 4, 12) + 3).astype(np.float32)


def test_a_rotation_is_undone() -> None:
    turn = np.linalg.qr(RNG.normal(size=(12, 12)))[0]
    target = SOURCE @ turn + 1
    np.testing.assert_allclose(procrustes(SOURCE, target)(SOURCE), target, atol=1e-4)


def test_procrustes_is_scipys() -> None:
    target = SOURCE @ RNG.normal(size=(12, 12)).astype(np.float32)
    expected, _ = orthogonal_procrustes(SOURCE - SOURCE.mean(0), target - target.mean(0))
    np.testing.assert_allclose(procrustes(SOURCE, target).matrix, expected, atol=1e-4)


@pytest.mark.parametrize("width", [5, 20])
def test_ridge_is_scikit_learns_whatever_the_widths(width: int) -> None:
    target = (SOURCE @ RNG.normal(size=(12, width)) + RNG.normal(size=(500, width))).astype(
        np.float32
    )
    penalty = 0.01 * np.trace(np.cov(SOURCE.T, bias=True)) * 500 / 12
    expected = Ridge(alpha=penalty).fit(SOURCE, target).predict(SOURCE)
    np.testing.assert_allclose(ridges(SOURCE, target, [0.01])[0.01](SOURCE), expected, atol=2e-3)
