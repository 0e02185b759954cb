"""Word means: the vectors of words as means of the states of their subwords."""

from __future__ import annotations

import numpy as np
import torch
from scipy.sparse import csr_matrix

from probekit.engine.streams import sent


class WordMeans:
    """Means of rows of states: on the GPU that computed them, so that only words leave it, or else
    on the CPU.

    Args:
        matrix: `(words, rows)`, the weight of each row in each word; those of a word are equal.
        words: the place of each word among the vectors that are written, `(words,)`.
        device: where the states are.
    """

    def __init__(self, matrix: csr_matrix, words: np.ndarray, device: torch.device) -> None:
        self._matrix, self._words = matrix, torch.from_numpy(words)
        self._segments: tuple[torch.Tensor, torch.Tensor] | None = None
        if device.type == "cuda":
            rows, borders = torch.from_numpy(matrix.indices), torch.from_numpy(matrix.indptr)
            self._segments = sent(rows, device), sent(borders.diff().long(), device)
            self._words = sent(self._words, device)

    def of(self, states: torch.Tensor) -> torch.Tensor:
        """The vectors of the words, `(words, dim)` in float32, from states `(rows, dim)`."""
        if self._segments is not None:
            rows, lengths = self._segments
            device = states.device  # of a model that is spread, each layer may be on its own
            return means_of_segments(states, rows.to(device), lengths.to(device))
        # A sparse product on one thread beats a few dozen small parallel operations.
        return torch.from_numpy(self._matrix @ states.float().cpu().numpy())

    def write(self, states: torch.Tensor, values: torch.Tensor) -> None:
        """Write the vectors of the words into their places.

        Args:
            states: of one layer, `(texts, width, dim)`.
            values: `(places, dim)`, on the CPU or where the words are.
        """
        vectors = self.of(states.reshape(-1, states.shape[-1])).to(values.dtype)
        if values.is_cuda:
            values.index_copy_(0, self._words.to(values.device), vectors.to(values.device))
        else:  # numpy is faster at this
            values.numpy()[self._words.cpu().numpy()] = vectors.cpu().numpy()


def means_of_segments(
    states: torch.Tensor, rows: torch.Tensor, lengths: torch.Tensor
) -> torch.Tensor:
    """Means of consecutive runs of rows, `(runs, dim)` in float32; the sums are in a fixed order.

    Args:
        states: `(n, dim)`.
        rows: the rows of `states`, run after run, `(rows,)`.
        lengths: the number of rows of each run, `(runs,)`; they add up to those of `rows`.

    >>> states = torch.tensor([[1.0], [2.0], [4.0]])
    >>> means_of_segments(states, torch.tensor([0, 1, 2]), torch.tensor([1, 2])).tolist()
    [[1.0], [3.0]]
    """
    read = states.index_select(0, rows).float()
    # Its checks would wait for the GPU.
    return torch.segment_reduce(read, "mean", lengths=lengths, unsafe=True)
