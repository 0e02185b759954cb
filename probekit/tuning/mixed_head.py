"""Mixed head: a linear head over a learned mix of layers."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch.nn.functional import cross_entropy, layer_norm, mse_loss

from probekit.tuning.data import NONE, Data, Target


class HeadShape(NamedTuple):
    """What a head reads and predicts.

    Attributes:
        layers, dim: of the states, how many layers and how wide.
        outputs: how many numbers it predicts.
        texts: 2 for pairs, else 1.
        target: what they are.
    """

    layers: int
    dim: int
    outputs: int
    texts: int
    target: Target

    @classmethod
    def of(cls, layers: int, dim: int, data: Data) -> HeadShape:
        """For data."""
        texts = 1 if data.target == "words" else len(data.splits["train"].texts[0])
        return cls(layers, dim, max(1, len(data.classes)), texts, data.target)

    def width(self, of_text: int) -> int:
        """The width of what is predicted from, where a text's vector has `of_text`."""
        return of_text * (4 if self.texts == 2 else 1)


class OnMix(torch.nn.Module):
    """What reads gamma · Σ s_k · h_k of layers k.

    The weights s are normalised by softmax (Peters et al. 2018, equation 1); each layer is
    layer-normalised first, as the paper considers.
    """

    def __init__(self, shape: HeadShape) -> None:
        """With layers in equal shares."""
        super().__init__()
        self.shape = shape
        self.scalars = torch.nn.Parameter(torch.zeros(shape.layers))
        self.gamma = torch.nn.Parameter(torch.ones(()))

    def mixed(self, features: torch.Tensor) -> torch.Tensor:
        """The mix `(n, words, width)` of states `(n, words, layers, width)`."""
        normal = layer_norm(features.float(), features.shape[-1:])
        return self.gamma * torch.einsum("k,nwkd->nwd", self.scalars.softmax(0), normal)


class MixedHead(OnMix):
    """A linear head over a mix of layers, with dropout between."""

    def __init__(self, shape: HeadShape, dropout: float) -> None:
        """With new weights, and this share of dropout."""
        super().__init__(shape)
        self.dropout = torch.nn.Dropout(dropout)
        self.head = torch.nn.Linear(shape.width(shape.dim), shape.outputs)

    def forward(
        self, features: torch.Tensor, labels: torch.Tensor | None = None
    ) -> dict[str, torch.Tensor]:
        """The logits, and the loss where there are labels.

        Args:
            features: `(n, texts or words, layers, width)`.
            labels: `(n,)`, or `(n, words)`.
        """
        mixed = self.mixed(features)
        if self.shape.target != "words":
            mixed = of_texts(mixed)
        return scored(self.head(self.dropout(mixed)), labels, self.shape.target)


def of_texts(vectors: torch.Tensor) -> torch.Tensor:
    """What is predicted from, of the vectors of texts `(n, texts, width)`.

    Of a pair of texts u and v it is [u; v; |u − v|; u · v] (Conneau et al. 2017).
    """
    first = vectors[:, 0]
    if vectors.shape[1] == 1:
        return first
    second = vectors[:, 1]
    return torch.cat([first, second, (first - second).abs(), first * second], dim=-1)


def scored(
    logits: torch.Tensor, labels: torch.Tensor | None, target: Target
) -> dict[str, torch.Tensor]:
    """The logits, and the loss where there are labels: `(n,)`, or `(n, words)`."""
    if labels is None:
        return {"logits": logits}
    if target == "numbers":
        loss = mse_loss(logits.squeeze(-1), labels.float())
    else:
        loss = cross_entropy(logits.flatten(0, -2), labels.flatten(), ignore_index=NONE)
    return {"loss": loss, "logits": logits}
