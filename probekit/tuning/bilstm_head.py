"""BiLSTM head: a linear head over a BiLSTM, which reads a learned mix of layers word by word."""

from __future__ import annotations

import torch
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from probekit.tuning.mixed_head import HeadShape, OnMix, of_texts, scored


class BilstmHead(OnMix):
    """A BiLSTM over a mix of layers, and a linear head over its outputs, with dropout before each.

    A text's vector is the maximum of the outputs over its words (Conneau et al. 2017).
    """

    def __init__(self, shape: HeadShape, dropout: float, hidden: int, depth: int) -> None:
        """With new weights; `hidden` is the width of each direction, `depth` the layers."""
        super().__init__(shape)
        self.dropout = torch.nn.Dropout(dropout)
        self.lstm = torch.nn.LSTM(
            shape.dim, hidden, num_layers=depth, batch_first=True, bidirectional=True
        )
        self.head = torch.nn.Linear(shape.width(2 * hidden), shape.outputs)

    def forward(
        self,
        features: torch.Tensor,
        lengths: torch.Tensor,
        labels: torch.Tensor | None = None,
    ) -> dict[str, torch.Tensor]:
        """The logits, and the loss where there are labels.

        Args:
            features: `(n, texts, words, layers, width)`, filled up to the longest.
            lengths: `(n, texts)` words of each text.
            labels: `(n,)`, or `(n, words)`.
        """
        n, texts, words = features.shape[:3]
        read = self.dropout(self.mixed(features.flatten(0, 1)))
        packed = pack_padded_sequence(
            read, lengths.flatten().cpu(), batch_first=True, enforce_sorted=False
        )
        # What fills up is never the maximum; the loss does not see it.
        fill = 0.0 if self.shape.target == "words" else -torch.inf
        outputs, _ = pad_packed_sequence(
            self.lstm(packed)[0], batch_first=True, padding_value=fill, total_length=words
        )
        if self.shape.target != "words":
            outputs = of_texts(outputs.amax(dim=1).unflatten(0, (n, texts)))
        return scored(self.head(self.dropout(outputs)), labels, self.shape.target)
