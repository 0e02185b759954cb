"""Similarities: what must not change them, what must, and the textbook's sums."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.spatial.distance import pdist
from scipy.stats import spearmanr

from probekit.forgetting.similarity import cka, cosine, rsa


def vectors(seed: int, words: int = 120, dim: int = 30) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(words, dim)) * np.linspace(0.2, 3, dim)


def turned(values: np.ndarray) -> np.ndarray:
    return values @ np.linalg.qr(np.random.default_rng(9).normal(size=(values.shape[1],) * 2))[0]


def test_a_rotation_changes_neither_cka_nor_rsa() -> None:
    values = vectors(0)
    assert cka(values, 5 * turned(values) + 1) == pytest.approx(1)
    assert rsa(values, 5 * turned(values)) == pytest.approx(1)
    assert cosine(values, values) == pytest.approx(1)
    assert abs(cosine(values, turned(values))) < 0.3


def test_unrelated_vectors_are_not_alike_however_wide() -> None:
    found = [cka(vectors(s, 60, 400), vectors(s + 100, 60, 400)) for s in range(10)]
    assert abs(np.mean(found)) < 0.02  # the biased estimate is above 0.8 here
    assert abs(rsa(vectors(1), vectors(2))) < 0.1


def test_rsa_is_scipys() -> None:
    a, b = vectors(3), vectors(3) + 0.5 * vectors(4)
    assert rsa(a, b) == pytest.approx(spearmanr(pdist(a, "cosine"), pdist(b, "cosine")).statistic)


def test_cka_by_its_definition() -> None:
    a, b = vectors(5, 12, 4), vectors(6, 12, 7)

    def hsic(x: np.ndarray, y: np.ndarray) -> float:
        n, one = len(x), np.ones(len(x))
        k, m = x @ x.T, y @ y.T
        k, m = k - np.diag(np.diag(k)), m - np.diag(np.diag(m))
        return (
            np.trace(k @ m) + (one @ k @ one) * (one @ m @ one) / ((n - 1) * (n - 2)) - 2 / (n - 2) * one @ k @ m @ one
        ) / (n * (n - 3))

    assert cka(a, b) == pytest.approx(hsic(a, b) / np.sqrt(hsic(a, a) * hsic(b, b)))
