"""Unpadded: texts of one length at a time, for models that change what they say of a text when it
is padded."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import torch


def run_by_length(
    texts: Sequence[np.ndarray], run: Callable[[list[np.ndarray]], Sequence[torch.Tensor]]
) -> tuple[torch.Tensor, ...]:
    """What `run` gives for `texts` when it sees texts of one length only.

    `run` gives `(texts, width, dim)` a layer; so does this, `width` being the longest's and zeros
    standing behind shorter ones.
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
