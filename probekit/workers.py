"""Workers: threads that share the processor's between them.

On a CPU two pieces of work side by side, on a thread each, are done sooner than one after the other on both: threads
that work on one operation together wait for each other at the end of every one.
"""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import torch

MOST = 8  # each holds a batch in memory


def count(device: torch.device) -> int:
    """Workers for `device`: on a CPU one a thread, up to MOST; for a GPU one, which feeds it."""
    return min(torch.get_num_threads(), MOST) if device.type == "cpu" else 1


@contextmanager
def workers(device: torch.device) -> Iterator[ThreadPoolExecutor]:
    """A pool for work on `device`.

    Work that has not begun when the block is left, by an exception say, is not begun any more.
    """
    threads, n = torch.get_num_threads(), count(device)
    pool = ThreadPoolExecutor(n, "probekit", initializer=torch.set_num_threads, initargs=(threads // n,))
    try:
        yield pool
    finally:
        pool.shutdown(cancel_futures=True)
        torch.set_num_threads(threads)  # what threads to come begin with
