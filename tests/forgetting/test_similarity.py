"""Similarities: what must not change them, what must, and the textbook's sums."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy.spatial.distance import pdist
from scipy.stats import spearmanr

from probekit.forgetting.comparison_rows import SimilarityRow
from probekit.forgetting.similarity import (
    cka,
    cosine,
    effective_dimensions,
    few_dimensions,
    rsa,
    standardised,
)


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
            np.trace(k @ m)
            + (one @ k @ one) * (one @ m @ one) / ((n - 1) * (n - 2))
            - 2 / (n - 2) * one @ k @ m @ one
        ) / (n * (n - 3))

    assert cka(a, b) == pytest.approx(hsic(a, b) / np.sqrt(hsic(a, a) * hsic(b, b)))


def test_a_dimension_that_decides_alone_is_told() -> None:
    """Two unrelated layers with one long dimension in common, and a layer against itself with one
    made long."""
    one, two = (np.random.default_rng(seed).normal(size=(400, 30)) for seed in (7, 8))
    long_one, long_two = one.copy(), two.copy()
    long_one[:, 0] = long_two[:, 0] = 1_000 * one[:, 0]
    assert (
        cka(long_one, long_two) > 0.999
        and cka(standardised(long_one), standardised(long_two)) < 0.1
    )
    assert effective_dimensions(long_one) < 1.01 and effective_dimensions(one) > 25
    stretched = one.copy()
    stretched[:, 0] *= 1_000
    assert cka(one, stretched) < 0.3 and cka(
        standardised(one), standardised(stretched)
    ) == pytest.approx(1)
    assert cka(standardised(one), standardised(two)) < 0.1
    assert np.isnan(effective_dimensions(np.ones((5, 3))))


def test_effective_dimensions_are_counted_whatever_the_shape() -> None:
    rng = np.random.default_rng(0)
    for words, dim in ((2_000, 50), (200, 2_000)):
        values = np.zeros((words, dim))
        values[:, :7] = rng.normal(size=(words, 7))
        assert effective_dimensions(values) == pytest.approx(7, abs=0.3)
        assert effective_dimensions(values @ np.eye(dim)[rng.permutation(dim)]) == pytest.approx(
            7, abs=0.3
        )


def similarity(layer: int, before: float, after: float) -> SimilarityRow:
    """A row with these numbers of dimensions."""
    return SimilarityRow(
        before="small",
        after="tuned",
        corpus="sample",
        before_fingerprint="",
        after_fingerprint="",
        corpus_fingerprint="",
        context="sentence",
        layer_before=layer,
        layer_after=layer,
        cka=1.0,
        cka_standardised=1.0,
        dimensions_before=before,
        dimensions_after=after,
        rsa=1.0,
        cosine=1.0,
    )


def test_few_dimensions_are_told_of_the_side_that_has_them() -> None:
    rows = [similarity(0, 40.0, 1.0), similarity(1, 9.0, 4.0)]
    (told,) = few_dimensions("small", "tuned", rows)
    assert "CKA of tuned at layers 0 (1.0), 1 (4.0)" in told and "cka_standardised" in told
    assert not list(
        few_dimensions("small", "tuned", [replace(row, dimensions_after=9.0) for row in rows])
    )
