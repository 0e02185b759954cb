"""Workers: threads that share the processor's between them.

On a CPU two pieces of work side by side, on a thread each, are done sooner than one after the other
on both: threads that work on one operation together wait for each other at the end of every one.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import CancelledError, ThreadPoolExecutor
from contextlib import contextmanager

import torch

MOST = 8  # each holds a batch in memory

_mine = threading.local()  # of a worker: `stop`, set once its work is no longer wanted


def count(device: torch.device) -> int:
    """Workers for `device`: on a CPU one a thread, up to MOST; for a GPU one, which feeds it."""
    return min(torch.get_num_threads(), MOST) if device.type == "cpu" else 1


@contextmanager
def workers(device: torch.device) -> Iterator[ThreadPoolExecutor]:
    """A pool for work on `device`.

    When the block is left by an exception (an error, or Ctrl-C), work that has not begun is not
    begun any more, and work in progress ends at its next `stop_if_unwanted`.
    """
    threads, n = torch.get_num_threads(), count(device)
    stop = threading.Event()

    def begin() -> None:
        _mine.stop = stop
        torch.set_num_threads(threads // n)

    pool = ThreadPoolExecutor(n, "probekit", initializer=begin)
    try:
        yield pool
    except BaseException:
        stop.set()
        raise
    finally:
        pool.shutdown(cancel_futures=True)
        torch.set_num_threads(threads)  # what threads to come begin with


def stop_if_unwanted() -> None:
    """End this worker's work where nobody waits for it any more: to be called once a batch by work
    that takes long.

    Raises CancelledError then; elsewhere, and outside of `workers`, it does nothing.
    """
    stop = getattr(_mine, "stop", None)
    if stop is not None and stop.is_set():
        raise CancelledError
