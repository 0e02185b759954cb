"""Mixed head: a linear head over a learned mix of layers."""

from __future__ import annotations

import torch
from torch.nn.functional import cross_entropy, layer_norm, mse_loss

from probekit.tuning.data import NONE, Target


class MixedHead(torch.nn.Module):
    """A linear head over gamma · Σ s_k · h_k of layers k, with dropout between.

    The weights s are normalised by softmax (Peters et al. 2018, equation 1); each layer is
    layer-normalised first, as the paper considers.

    Of a pair of texts u and v, the head reads [u; v; |u − v|; u · v] (Conneau et al. 2017).
    """

    def __init__(
        self, layers: int, dim: int, outputs: int, texts: int, target: Target, dropout: float
    ) -> None:
        """For states of this many layers and this width; `texts` is 2 for pairs, else 1."""
        super().__init__()
        self.target, self.texts = target, texts
        self.scalars = torch.nn.Parameter(torch.zeros(layers))
        self.gamma = torch.nn.Parameter(torch.ones(()))
        self.dropout = torch.nn.Dropout(dropout)
        self.head = torch.nn.Linear(dim * (4 if texts == 2 else 1), outputs)

    def forward(
        self, features: torch.Tensor, labels: torch.Tensor | None = None
    ) -> dict[str, torch.Tensor]:
        """The logits, and the loss where there are labels.

        Args:
            features: `(n, texts or words, layers, width)`.
            labels: `(n,)`, or `(n, words)`.
        """
        normal = layer_norm(features.float(), features.shape[-1:])
        mixed = self.gamma * torch.einsum("k,nwkd->nwd", self.scalars.softmax(0), normal)
        if self.target != "words":
            mixed = _of_pair(mixed) if self.texts == 2 else mixed[:, 0]
        logits = self.head(self.dropout(mixed))
        if labels is None:
            return {"logits": logits}
        if self.target == "numbers":
            loss = mse_loss(logits.squeeze(-1), labels.float())
        else:
            loss = cross_entropy(logits.flatten(0, -2), labels.flatten(), ignore_index=NONE)
        return {"loss": loss, "logits": logits}


def _of_pair(mixed: torch.Tensor) -> torch.Tensor:
    """The vectors of pairs, from `(n, 2, width)`."""
    first, second = mixed[:, 0], mixed[:, 1]
    return torch.cat([first, second, (first - second).abs(), first * second], dim=-1)
