"""Eraser: an affine map after which no linear probe can tell some labels apart.

LEACE (Belrose et al. 2023, LEACE: Perfect linear concept erasure in closed form, theorem 4.3) is
the map with this property that moves the vectors least: in white coordinates it projects out the
directions that covary with the labels.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch

LEAST = 1e-6  # a covariance of white vectors with labels from which on a direction is erased


@dataclass(frozen=True)
class Moments:
    """Moments of vectors and of labels, in float64.

    Attributes:
        mean: of the vectors, `(dim,)`.
        covariance: of the vectors, `(dim, dim)`.
        cross: covariance of the vectors with the labels, `(dim, labels)`.
    """

    mean: torch.Tensor
    covariance: torch.Tensor
    cross: torch.Tensor

    @cached_property
    def whitening(self) -> tuple[torch.Tensor, torch.Tensor]:
        """The inverse of the symmetric root of the covariance, and the root, `(dim, dim)` each;
        directions without variance are left out of both."""
        values, vectors = torch.linalg.eigh(self.covariance.double())
        varies = values > values[-1] * len(values) * torch.finfo(values.dtype).eps
        values, vectors = values[varies], vectors[:, varies]
        return (vectors / values.sqrt()) @ vectors.T, (vectors * values.sqrt()) @ vectors.T


@dataclass(frozen=True)
class Eraser:
    """The map x ↦ x − left · right · (x − mean).

    Attributes:
        mean: of the vectors that it was fitted to, which stays where it is, `(dim,)`.
        left: `(dim, rank)`.
        right: `(rank, dim)`; right · left is the identity.
    """

    mean: torch.Tensor
    left: torch.Tensor
    right: torch.Tensor

    @property
    def rank(self) -> int:
        """Number of dimensions that are erased."""
        return self.left.shape[1]

    def __call__(self, states: torch.Tensor) -> torch.Tensor:
        """The states `(…, dim)` without what is erased, of the same type."""
        wide = states.float()
        found = wide - (wide - self.mean) @ self.right.T @ self.left.T
        return found.to(states.dtype)

    def to(self, device: torch.device) -> Eraser:
        """The same on a device."""
        return Eraser(self.mean.to(device), self.left.to(device), self.right.to(device))


def leace(moments: Moments, labels: np.ndarray | slice = slice(None)) -> Eraser:
    """The eraser of labels: of all, or of those with some numbers.

    After it, the vectors that the moments are of do not covary with the labels, so that no linear
    probe has a lower loss on them than a constant one.

    >>> moments = Moments(torch.zeros(2), torch.eye(2), torch.tensor([[0.5], [0.0]]))
    >>> eraser = leace(moments)
    >>> eraser.rank, eraser(torch.tensor([3.0, 4.0])).tolist()
    (1, [0.0, 4.0])
    """
    whiten, unwhiten = moments.whitening
    cross = moments.cross[:, labels].double()
    axes, sizes, _ = torch.linalg.svd(whiten @ cross, full_matrices=False)
    axes = axes[:, sizes > LEAST]
    left, right = unwhiten @ axes, axes.T @ whiten
    return Eraser(moments.mean.float(), left.float(), right.float())
