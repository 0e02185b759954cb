"""Characters: the states of a model that reads characters."""

from __future__ import annotations

import torch


def for_each_character(state: torch.Tensor, width: int) -> torch.Tensor:
    """One state per character.

    CANINE's deep layers have one state for four characters, after one for the whole text.
    """
    if state.shape[1] == width:
        return state
    place = 1 + torch.arange(width, device=state.device) // 4
    return state[:, place.clamp(max=state.shape[1] - 1)]
