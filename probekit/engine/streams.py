"""Streams: queues of work on a GPU, so that work of two threads goes on side by side there, and no
thread waits for a small copy."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Literal

import torch

Queue = Literal["compute", "fit", "copy"]
# Training takes many small steps, each of which waits for the one before it: it goes first.
_PRIORITY: dict[Queue, int] = {"compute": 0, "fit": -1, "copy": -1}


@cache
def stream_of(device: torch.device, queue: Queue) -> torch.cuda.Stream | None:
    """The stream of a queue, always the same, since memory is kept by stream; None but for CUDA."""
    if device.type != "cuda":
        return None
    return torch.cuda.Stream(device, priority=_PRIORITY[queue])


@contextmanager
def queued(device: torch.device, queue: Queue) -> Iterator[None]:
    """Within the block, this thread's work on a GPU is in a queue. It begins after what the thread
    had begun before, and is done at the end of the block."""
    stream = stream_of(device, queue)
    if stream is None:
        yield
        return
    stream.wait_stream(torch.cuda.current_stream(device))
    with torch.cuda.stream(stream):
        yield
    stream.synchronize()


def sent(tensor: torch.Tensor, device: torch.device) -> torch.Tensor:
    """A tensor of the CPU on a device. The thread goes on before a GPU has it: waiting for a GPU at
    every small copy would leave it idle between them."""
    if device.type != "cuda":
        return tensor.to(device)
    return tensor.pin_memory().to(device, non_blocking=True)
