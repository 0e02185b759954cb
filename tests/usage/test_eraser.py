"""LEACE: its defining properties, on moments and against the authors' own code."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
import torch

from probekit.usage.eraser import Eraser, Moments, leace

N, DIM, LABELS = 600, 12, 4


def data(seed: int = 0) -> tuple[torch.Tensor, torch.Tensor]:
    """Correlated vectors, and labels that follow from them and from chance."""
    rng = np.random.default_rng(seed)
    mixing = rng.standard_normal((DIM, DIM))
    x = rng.standard_normal((N, DIM)) @ mixing + rng.standard_normal(DIM)
    scores = x[:, :LABELS] + rng.standard_normal((N, LABELS))
    return torch.from_numpy(x), torch.eye(LABELS, dtype=torch.float64)[scores.argmax(axis=1)]


def moments_of(x: torch.Tensor, z: torch.Tensor) -> Moments:
    centred, labels = x - x.mean(0), z - z.mean(0)
    return Moments(x.mean(0), centred.T @ centred / len(x), centred.T @ labels / len(x))


def cross(x: torch.Tensor, z: torch.Tensor) -> torch.Tensor:
    return moments_of(x.double(), z).cross


def test_nothing_covaries_with_the_labels_any_more() -> None:
    x, z = data()
    eraser = leace(moments_of(x, z))
    assert eraser.rank == LABELS - 1  # of one label more follows from the others
    assert cross(x, z).abs().max() > 0.1
    assert cross(eraser(x), z).abs().max() < 1e-5


def test_it_is_a_projection_that_keeps_the_mean() -> None:
    x, z = data()
    eraser = leace(moments_of(x, z))
    once = eraser(x)
    torch.testing.assert_close(eraser(once), once, atol=1e-4, rtol=0)
    torch.testing.assert_close(once.mean(0), x.mean(0), atol=1e-4, rtol=0)


def test_no_map_with_this_property_moves_the_vectors_less() -> None:
    x, z = data()
    found = moments_of(x, z)
    eraser = leace(found)
    least = float((eraser(x) - x).square().sum(1).mean())
    # Another one: orthogonal to what covaries, whatever the covariance.
    axes = torch.linalg.svd(found.cross, full_matrices=False)[0][:, : eraser.rank]
    orthogonal = Eraser(found.mean.float(), axes.float(), axes.T.float())
    assert cross(orthogonal(x), z).abs().max() < 1e-5
    assert least < float((orthogonal(x) - x).square().sum(1).mean())


def test_an_affine_map_of_the_mean_is_the_mean_of_the_maps() -> None:
    """So that a word's vector is erased by erasing its subwords."""
    x, z = data()
    eraser = leace(moments_of(x, z))
    word, subwords = x[:3].mean(0), eraser(x[:3])
    torch.testing.assert_close(eraser(word), subwords.mean(0), atol=1e-5, rtol=0)


def test_dimensions_without_variance_do_no_harm() -> None:
    x, z = data()
    x = torch.cat([x, torch.full((N, 2), 3.0, dtype=torch.float64)], dim=1)
    eraser = leace(moments_of(x, z))
    erased = eraser(x)
    assert torch.isfinite(erased).all() and cross(erased, z).abs().max() < 1e-5
    torch.testing.assert_close(erased[:, -2:], x[:, -2:])


def test_labels_that_nothing_covaries_with_erase_nothing() -> None:
    x, _ = data()
    none = torch.zeros(DIM, LABELS, dtype=torch.float64)
    eraser = leace(Moments(x.mean(0), torch.eye(DIM, dtype=torch.float64), none))
    assert eraser.rank == 0
    torch.testing.assert_close(eraser(x), x, atol=1e-6, rtol=0)


def test_half_precision_stays() -> None:
    x, z = data()
    assert leace(moments_of(x, z))(x.half()).dtype == torch.float16


@pytest.mark.parametrize("seed", range(3))
def test_the_authors_code_finds_the_same(seed: int) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # its import compiles a function with torch.jit
        from concept_erasure import LeaceFitter
    x, z = data(seed)
    fitter = LeaceFitter(DIM, LABELS, dtype=torch.float64, shrinkage=False, svd_tol=1e-6)
    theirs = fitter.update(x, z).eraser(x)
    torch.testing.assert_close(leace(moments_of(x, z))(x), theirs, atol=1e-4, rtol=1e-4)
