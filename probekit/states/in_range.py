"""In range: whether states are numbers that their type can hold."""

from __future__ import annotations

import numpy as np
import torch

from probekit.errors import ModelError, StoreError


def require_in_range(name: str, states: np.ndarray | torch.Tensor) -> None:
    """Raise ModelError for states of the model `name` that are not numbers, StoreError for states
    that half precision cannot hold."""
    every = torch.from_numpy(states) if isinstance(states, np.ndarray) else states
    for values in every:
        ends = torch.stack(values.aminmax()).cpu()
        if ends.isnan().any() or (every.dtype == torch.float32 and ends.isinf().any()):
            raise ModelError(
                f"'{name}' has vectors that are not numbers (NaN or infinite): its weights are "
                "broken"
            )
        if ends.isinf().any():
            dtype = str(every.dtype).removeprefix("torch.")
            raise StoreError(
                f"'{name}' has hidden states that {dtype} cannot hold: use store_dtype='float32'"
            )
