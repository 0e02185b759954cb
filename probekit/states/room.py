"""Room: whether a GPU has free memory for what could lie there."""

from __future__ import annotations

import torch


def has_room(n_bytes: int, device: torch.device, share: float) -> bool:
    """Whether so many bytes are at most a share of a GPU's free memory; False without a GPU."""
    if device.type != "cuda":
        return False
    free, _ = torch.cuda.mem_get_info(device)
    return n_bytes <= share * free
