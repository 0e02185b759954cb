"""Buffers: memory that batches write the vectors of words into, before these are stored."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch

from probekit.engine.streams import stream_of

GROUP_BYTES = 1 << 32  # most that the vectors of shards computed together take on a GPU
GROUP_SHARE = 8  # and as one part in so many of its free memory

Values = np.ndarray | torch.Tensor


class Buffers:
    """Memory for two groups of shards: one is computed while the other is written.

    It lies on a GPU where that computes the vectors. It is used again and again: new memory is slow
    to touch.
    """

    def __init__(self, device: torch.device, dtype: str) -> None:
        """Buffers for vectors that a device computes, of numbers of type `dtype`."""
        self._device, self._dtype = device, dtype
        self._on_gpu = device.type == "cuda"
        self._kept: list[Values] = [self._new(0), self._new(0)]
        self._host = torch.empty(0)

    def most_words(self, n_layers: int, dim: int) -> int:
        """Of how many words shards are computed together: on a GPU, so that its batches are large
        and their texts of similar length; 0 on a CPU, which takes one shard after another."""
        if not self._on_gpu:
            return 0
        free, _ = torch.cuda.mem_get_info(self._device)
        n_bytes = min(GROUP_BYTES, free // GROUP_SHARE)
        return n_bytes // (n_layers * dim * np.dtype(self._dtype).itemsize)

    def next(self, *shape: int) -> Values:
        """Memory of a shape, which was handed out two calls before; with any numbers in it."""
        buffer, size = self._kept.pop(0), math.prod(shape)
        if len(buffer) < size:
            buffer = self._new(size + size // 8)
        self._kept.append(buffer)
        return buffer[:size].reshape(shape)

    def _new(self, size: int) -> Values:
        if not self._on_gpu:
            return np.empty(size, dtype=self._dtype)
        return torch.empty(size, dtype=getattr(torch, self._dtype), device=self._device)

    def computed(self) -> torch.cuda.Event | None:
        """Called by the thread that computes: a mark after the work that it has begun on a GPU."""
        if not self._on_gpu:
            return None
        event = torch.cuda.Event()
        event.record()
        return event

    @contextmanager
    def after(self, mark: torch.cuda.Event | None) -> Iterator[None]:
        """Within the block, this thread's work on a GPU follows a mark, and nothing later."""
        stream = stream_of(self._device, "copy")
        if stream is None or mark is None:
            yield
            return
        stream.wait_event(mark)
        with torch.cuda.stream(stream):
            yield

    def on_host(self, values: Values) -> np.ndarray:
        """The same values, to be written before the next call."""
        if isinstance(values, np.ndarray):
            return values
        size = values.numel()
        if len(self._host) < size:
            self._host = torch.empty(size + size // 8, dtype=values.dtype, pin_memory=True)
        host = self._host[:size].view(values.shape)
        host.copy_(values)
        return host.numpy()
