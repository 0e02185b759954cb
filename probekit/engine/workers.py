"""Workers: threads that share the processor cores.

On a CPU two jobs side by side, with one thread each, are faster than one after the other with two
threads each: threads that share an operation wait for each other at its end.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import CancelledError, ThreadPoolExecutor, wait
from contextlib import contextmanager
from functools import partial
from operator import setitem
from typing import TypeVar

import torch

T = TypeVar("T")

MOST = 8  # since each worker holds a batch in memory

_own = threading.local()  # of a worker: `stop`, an event that is set once its work is unwanted


def count(device: torch.device) -> int:
    """Number of workers for `device`: one per CPU thread, up to MOST; one to feed a GPU."""
    return min(torch.get_num_threads(), MOST) if device.type == "cpu" else 1


@contextmanager
def workers(device: torch.device) -> Iterator[ThreadPoolExecutor]:
    """A pool for work on `device`.

    After an exception in the block (an error, or Ctrl-C), no more work begins, and work in progress
    ends at its next `stop_if_unwanted`.
    """
    threads = torch.get_num_threads()
    n = count(device)
    stop = threading.Event()

    def begin() -> None:
        _own.stop = stop
        torch.set_num_threads(threads // n)

    pool = ThreadPoolExecutor(n, "probekit", initializer=begin)
    try:
        yield pool
    except BaseException:
        stop.set()
        raise
    finally:
        pool.shutdown(cancel_futures=True)
        torch.set_num_threads(threads)  # for threads that start later


def at_once(
    device: torch.device,
    jobs: Sequence[Callable[[Callable[[float], None]], T]],
    report: Callable[[float], None],
) -> list[T]:
    """Do jobs, as many at once as there are workers for `device`.

    Args:
        device: where the work is done.
        jobs: each is called with a function, to which it tells the share of its work that is done.
        report: called with the sum of these shares.

    Returns their results in the same order.
    """
    done = [0.0] * len(jobs)
    with workers(device) as pool:
        futures = []
        for number, job in enumerate(jobs):
            futures.append(pool.submit(job, partial(setitem, done, number)))
        while wait(futures, timeout=0.1).not_done:
            report(sum(done))
        results = [future.result() for future in futures]
    report(len(jobs))
    return results


def stop_if_unwanted() -> None:
    """End this worker's job if nobody waits for it any more. Long jobs call it once per batch.

    Outside `workers` it does nothing.

    Raises:
        CancelledError: if the job is no longer wanted.
    """
    stop = getattr(_own, "stop", None)
    if stop is not None and stop.is_set():
        raise CancelledError
