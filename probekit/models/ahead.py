"""Ahead: the weights of blocks on the device. A GPU gets the next block's while one runs."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor

import torch

from probekit.engine.interrupts import undisturbed
from probekit.engine.streams import queued
from probekit.engine.waiting import result_of
from probekit.models.moving import moved, tensors_of


class Ahead:
    """The weights of blocks that run one after another."""

    def __init__(
        self, blocks: Sequence[torch.nn.Module], device: torch.device, dtype: torch.dtype
    ) -> None:
        """`blocks` are those that run, on `device` and in `dtype`."""
        self._blocks, self._device, self._dtype = blocks, device, dtype
        self._coming: tuple[int, Future[list[torch.Tensor]]] | None = None

    def take(self, number: int) -> list[torch.Tensor]:
        """The weights and buffers of a block on the device; those of no block for a negative
        number."""
        if self._coming is not None and self._coming[0] == number:
            found = result_of(self._coming[1])
        else:
            found = self._moved(number)
        if self._device.type == "cuda":
            for tensor in found:  # its memory is not used again before the block has run
                tensor.record_stream(torch.cuda.current_stream(self._device))
        self._begin(number + 1)
        return found

    def _begin(self, number: int) -> None:
        """Begin to copy a block that is not on the GPU."""
        self._coming = None
        if self._device.type != "cuda" or not 0 <= number < len(self._blocks):
            return
        thread = ThreadPoolExecutor(1, "probekit-weights")
        with undisturbed():
            self._coming = number, thread.submit(self._moved, number)
        thread.shutdown(wait=False)

    def _moved(self, number: int) -> list[torch.Tensor]:
        if number < 0:
            return []
        with queued(self._device, "copy"):
            tensors = tensors_of(self._blocks[number])
            return [moved(tensor, self._device, self._dtype) for tensor in tensors]
