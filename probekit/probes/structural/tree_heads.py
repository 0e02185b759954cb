"""Tree heads: what structural probes make of linearly mapped words, an entry in TREE_HEADS each.

Every probe begins with an affine map of words to some `width` numbers. Shapes below: C cells, each
a probe of a layer; B sentences; n words.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import ClassVar

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from probekit.probes.structural.padded import (
    Padded,
    padded_depths,
    padded_distances,
    padded_heads,
)
from probekit.tasks.trees import Trees, depths_of, distances_of


class TreeHead(ABC):
    """What is predicted of a sentence.

    Args:
        rank: of the transform.

    Attributes:
        shape: of the tasks that it answers.
    """

    shape: ClassVar[str]

    def __init__(self, rank: int) -> None:
        self.rank = rank

    @property
    def width(self) -> int:
        """Numbers per word that it is computed from."""
        return self.rank

    @abstractmethod
    def size(self, dim: int) -> float:
        """Root mean square of initial weights, for vectors of `dim` numbers of unit size."""

    @abstractmethod
    def gold(self, trees: Trees, group: Padded) -> np.ndarray:
        """What is to be predicted of a group of sentences."""

    @abstractmethod
    def loss(self, mapped: Tensor, gold: Tensor, group: Padded) -> Tensor:
        """Loss of each sentence, `(C, B)`, from mapped words `(C, B, n, width)`."""

    @abstractmethod
    def predict(self, mapped: Tensor) -> Tensor:
        """What is predicted, from mapped words of sentences without padding."""

    @abstractmethod
    def answer(self, heads: np.ndarray) -> np.ndarray:
        """What a tree would predict, `(1, B, …)`, from the heads of its words `(B, n)`."""


class Distance(TreeHead):
    """Squared distances of mapped words as edges between them (Hewitt and Manning 2019)."""

    shape = "distance"

    def size(self, dim: int) -> float:
        """Words are then about 4 apart."""
        return float((2 / (dim * self.rank)) ** 0.5)

    def gold(self, trees: Trees, group: Padded) -> np.ndarray:
        """Distances `(B, n, n)`."""
        return padded_distances(trees, group)

    def loss(self, mapped: Tensor, gold: Tensor, group: Padded) -> Tensor:
        """Sum over pairs of |distance - squared distance|, divided by the squared length."""
        is_pair = group.is_word[:, :, None] & group.is_word[:, None, :]
        each = (self.predict(mapped) - gold).abs() * is_pair
        return each.sum((2, 3)) / group.lengths**2

    def predict(self, mapped: Tensor) -> Tensor:
        """Squared distances `(C, B, n, n)`."""
        square = mapped.square().sum(-1)
        products = mapped @ mapped.transpose(2, 3)
        return (square[..., :, None] + square[..., None, :] - 2 * products).clamp_min(0)

    def answer(self, heads: np.ndarray) -> np.ndarray:
        """Distances in the tree."""
        return distances_of(heads)[None]


class Depth(TreeHead):
    """The squared length of a mapped word as edges to the root (Hewitt and Manning 2019)."""

    shape = "depth"

    def size(self, dim: int) -> float:
        """Words are then about 2 deep."""
        return float((2 / (dim * self.rank)) ** 0.5)

    def gold(self, trees: Trees, group: Padded) -> np.ndarray:
        """Depths `(B, n)`."""
        return padded_depths(trees, group)

    def loss(self, mapped: Tensor, gold: Tensor, group: Padded) -> Tensor:
        """Sum over words of |depth - squared length|, divided by the length."""
        each = (self.predict(mapped) - gold).abs() * group.is_word
        return each.sum(2) / group.lengths

    def predict(self, mapped: Tensor) -> Tensor:
        """Squared lengths `(C, B, n)`."""
        return mapped.square().sum(-1)

    def answer(self, heads: np.ndarray) -> np.ndarray:
        """Depths in the tree."""
        return depths_of(heads)[None]


class HeadWord(TreeHead):
    """Bilinear scores of pairs of words (Dozat and Manning 2017, without their hidden layers).

    A word is mapped to a vector as a dependent, a vector as a head, a score for being a head at
    all, and a score for being the root.
    """

    shape = "head"

    @property
    def width(self) -> int:
        """Two vectors and two scores."""
        return 2 * self.rank + 2

    def size(self, dim: int) -> float:
        """Scores are then of unit size."""
        return float((dim * self.rank**0.5) ** -0.5)

    def gold(self, trees: Trees, group: Padded) -> np.ndarray:
        """Heads `(B, n)`."""
        return padded_heads(trees, group)

    def loss(self, mapped: Tensor, gold: Tensor, group: Padded) -> Tensor:
        """Mean cross-entropy of its words, in nats."""
        scores = self._scores(mapped).masked_fill(~group.is_word[:, None, :], -1e9)
        every = gold.expand(len(mapped), *gold.shape)
        each = cross_entropy(scores.flatten(0, 2), every.flatten(), reduction="none")
        return (each.view(every.shape) * group.is_word).sum(2) / group.lengths

    def predict(self, mapped: Tensor) -> Tensor:
        """Heads `(C, B, n)`."""
        return self._scores(mapped).argmax(-1)

    def _scores(self, mapped: Tensor) -> Tensor:
        """`(C, B, n, n)`: of each word (row) for each head; on the diagonal of being the root."""
        rank = self.rank
        dependents, heads = mapped[..., :rank], mapped[..., rank : 2 * rank]
        scores = dependents @ heads.transpose(2, 3) + mapped[..., None, :, -2]
        root = mapped[..., -1][..., None]
        is_own = torch.eye(mapped.shape[2], dtype=torch.bool, device=mapped.device)
        return torch.where(is_own, root, scores)

    def answer(self, heads: np.ndarray) -> np.ndarray:
        """The heads."""
        return heads[None]

    def scale(self, factor: Tensor) -> Tensor:
        """What to multiply mapped words by, `(…, width)`, to multiply all scores by a factor
        `(…)`."""
        every = factor[..., None].expand(*factor.shape, self.width).clone()
        every[..., self.rank : 2 * self.rank] = 1  # heads, in a product with dependents
        return every


TREE_HEADS: dict[str, type[TreeHead]] = {head.shape: head for head in (Distance, Depth, HeadWord)}
