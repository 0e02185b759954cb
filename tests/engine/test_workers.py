"""Workers: work that nobody waits for ends."""

from __future__ import annotations

import threading
import time
from concurrent.futures import CancelledError

import pytest
import torch

from probekit.engine.workers import stop_if_unwanted, workers

CPU = torch.device("cpu")


def test_work_in_progress_ends_when_the_block_is_left_by_an_exception() -> None:
    begun = threading.Event()

    def long() -> None:
        begun.set()
        for _ in range(6_000):
            stop_if_unwanted()
            time.sleep(0.01)

    started = time.monotonic()
    with pytest.raises(KeyboardInterrupt), workers(CPU) as pool:
        parts = [pool.submit(long) for _ in range(20)]
        begun.wait()
        raise KeyboardInterrupt
    assert time.monotonic() - started < 5
    assert all(part.cancelled() or isinstance(part.exception(), CancelledError) for part in parts)


def test_it_does_nothing_elsewhere() -> None:
    stop_if_unwanted()
    with workers(CPU) as pool:
        assert pool.submit(stop_if_unwanted).result() is None
