"""Unlisted: what is required of the states of a family that is not listed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch

from probekit.errors import ModelError


def require_vectors(
    states: Sequence[Any], n_layers: int, expected: tuple[int, int, int], name: str, kind: str
) -> None:
    """Raise ModelError where there is not one finite vector per layer, text and subword.

    Args:
        states: all hidden states.
        n_layers: how many there must be.
        expected: the shape that each must have, `(texts, subwords, dim)`.
        name: of the model.
        kind: its `model_type`.
    """
    shapes = [_shape(state) for state in states]
    odd = [shape for shape in shapes if shape != expected]
    if odd or len(states) != n_layers:
        what = f"one is {odd[0]}" if odd else "each of them has the right shape"
        raise ModelError(
            f"'{name}' ({kind}, a family not listed) cannot be read: it "
            f"gives {len(states)} hidden states, and {what}, where {n_layers} of "
            f"{expected} (texts, subwords, width) are needed"
        )
    if not all(state.isfinite().all() for state in states):
        raise ModelError(
            f"'{name}' has vectors that are not numbers (NaN or infinite): its weights are broken"
        )


def _shape(state: Any) -> tuple[int, ...]:
    """The shape of a hidden state; empty for anything that is not a tensor."""
    return tuple(state.shape) if isinstance(state, torch.Tensor) else ()
