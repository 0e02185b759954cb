"""Moving: the weights and buffers of a module, on another device and in another type."""

from __future__ import annotations

from collections.abc import Iterator

import torch


def tensors_of(module: torch.nn.Module | None) -> Iterator[torch.Tensor]:
    """The weights and buffers of a module; none of None."""
    if module is not None:
        yield from module.parameters()
        yield from module.buffers()


def move(tensor: torch.Tensor, device: torch.device, dtype: torch.dtype) -> None:
    """Move a weight or a buffer to a device, a weight of decimals also to a type."""
    tensor.data = moved(tensor, device, dtype)


def moved(tensor: torch.Tensor, device: torch.device, dtype: torch.dtype) -> torch.Tensor:
    """The numbers of a weight or a buffer on a device, those of a weight of decimals in a type."""
    is_weight = isinstance(tensor, torch.nn.Parameter) and tensor.is_floating_point()
    return tensor.data.to(device, dtype if is_weight else tensor.dtype)
