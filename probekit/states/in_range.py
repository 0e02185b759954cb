"""In range: whether states are numbers that their type can hold."""

from __future__ import annotations

import numpy as np
import torch

from probekit.errors import ModelError, StoreError


def require_in_range(name: str, states: np.ndarray) -> None:
    """Raise ModelError for states of the model `name` that are not numbers, StoreError for states
    that half precision cannot hold."""
    for values in states:
        ends = torch.stack(torch.from_numpy(values).aminmax())
        if ends.isnan().any() or (states.dtype == np.float32 and ends.isinf().any()):
            raise ModelError(
                f"'{name}' has vectors that are not numbers (NaN or infinite): its weights are "
                "broken"
            )
        if ends.isinf().any():
            raise StoreError(
                f"'{name}' has hidden states that {states.dtype} cannot hold: use "
                "store_dtype='float32'"
            )
