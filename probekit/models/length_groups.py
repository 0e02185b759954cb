"""Length groups: texts run in groups of equal length, for models whose states change with
padding."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import torch


def run_by_length(
    texts: Sequence[np.ndarray], run: Callable[[list[np.ndarray]], Sequence[torch.Tensor]]
) -> tuple[torch.Tensor, ...]:
    """The states of `texts`, computed in groups of texts of equal length.

    Args:
        texts: ids of each text, `(n,)`.
        run: returns the states of texts of equal length, `(texts, width, dim)` per layer.

    Returns `(texts, width, dim)` per layer; `width` is that of the longest text, and shorter ones
    are followed by zeros.
    """
    parts = []
    for length in sorted({len(text) for text in texts}):
        rows = [i for i, text in enumerate(texts) if len(text) == length]
        parts.append((rows, run([texts[i] for i in rows])))
    width = max(states[0].shape[1] for _, states in parts)
    found = [state.new_zeros((len(texts), width, state.shape[2])) for state in parts[0][1]]
    for rows, states in parts:
        for whole, state in zip(found, states, strict=True):
            whole[rows, : state.shape[1]] = state
    return tuple(found)
