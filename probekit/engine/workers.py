"""Workers: threads that share the processor cores.

On a CPU two jobs side by side, with one thread each, are faster than one after the other with two
threads each: threads that share an operation wait for each other at its end.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import CancelledError, Future, ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from operator import setitem
from typing import Any, TypeVar

import torch

from probekit.engine.interrupts import undisturbed
from probekit.engine.streams import queued
from probekit.engine.waiting import result_of, wait_for

T = TypeVar("T")

MOST = 8  # since each worker holds a batch in memory

_own = threading.local()  # of a worker: `stop`, an event that is set once its work is unwanted

_idle: dict[tuple[int, int], list[ThreadPoolExecutor]] = {}
"""Threads that nobody uses now, by their number and by torch's threads in each. They are used
again: what libraries keep for a thread is not all given back when it ends."""
os.register_at_fork(after_in_child=_idle.clear)


def count(device: torch.device) -> int:
    """Number of workers for `device`: one per CPU thread, up to MOST; one to feed a GPU."""
    return min(torch.get_num_threads(), MOST) if device.type == "cpu" else 1


class Pool:
    """Threads for the work of one block."""

    def __init__(self, threads: ThreadPoolExecutor) -> None:
        self._threads, self._stop = threads, threading.Event()
        self._open = set[Future[Any]]()
        self._is_over = False

    def submit(self, job: Callable[..., T], *args: Any) -> Future[T]:
        """Do a job as soon as a thread is free.

        Raises CancelledError after the block.
        """
        if self._is_over:
            raise CancelledError
        with undisturbed():
            future = self._threads.submit(self._run, job, *args)
            self._open.add(future)
            future.add_done_callback(self._open.discard)
        return future

    def map(self, job: Callable[..., T], *given: Iterable[Any]) -> Iterator[T]:
        """Do a job for each item, or for those of several that are at one place; the results are in
        the same order."""
        futures = [self.submit(job, *of_one) for of_one in zip(*given, strict=True)]
        return (result_of(future) for future in futures)

    def stop(self) -> None:
        """Tell work in progress that it is not wanted."""
        self._stop.set()

    def finish(self) -> None:
        """Let no further job begin, and wait for those in progress."""
        self._is_over = True
        left = list(self._open)
        with undisturbed():
            for future in left:
                future.cancel()
        for future in left:
            wait_for(future)

    def _run(self, job: Callable[..., T], *args: Any) -> T:
        _own.stop = self._stop
        return job(*args)


@contextmanager
def workers(device: torch.device) -> Iterator[Pool]:
    """A pool for work on `device`.

    After an exception in the block (an error, or Ctrl-C), no more work begins, and work in progress
    ends at its next `stop_if_unwanted`.
    """
    threads = torch.get_num_threads()
    n = count(device)
    idle = _idle.setdefault((n, threads // n), [])
    try:
        executor = idle.pop()
    except IndexError:
        begin = partial(torch.set_num_threads, threads // n)
        executor = ThreadPoolExecutor(n, "probekit", initializer=begin)
    pool = Pool(executor)
    try:
        yield pool
    except BaseException:
        pool.stop()
        raise
    finally:
        pool.finish()
        idle.append(executor)
        torch.set_num_threads(threads)  # for threads that start later


def at_once(
    device: torch.device,
    jobs: Sequence[Callable[[Callable[[float], None]], T]],
    report: Callable[[float], None],
) -> list[T]:
    """Do jobs, as many at once as there are workers for `device`; on a GPU in the queue of fits.

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
            futures.append(pool.submit(_in_queue, device, job, partial(setitem, done, number)))
        results = [result_of(future, lambda: report(sum(done))) for future in futures]
    report(len(jobs))
    return results


def _in_queue(
    device: torch.device, job: Callable[[Callable[[float], None]], T], tell: Callable[[float], None]
) -> T:
    with queued(device, "fit"):
        return job(tell)


def stop_if_unwanted() -> None:
    """End this worker's job if nobody waits for it any more. Long jobs call it once per batch.

    Outside `workers` it does nothing.

    Raises:
        CancelledError: if the job is no longer wanted.
    """
    stop = getattr(_own, "stop", None)
    if stop is not None and stop.is_set():
        raise CancelledError
