"""Waiting for jobs of other threads, in a way that a signal can end.

A signal's handler raises its error wherever the main thread is. Within the code of a lock that may
leave the lock taken, and then the job that needs it never ends. So within `undisturbed` the error
waits until the block ends; waits are short, and begin again.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import CancelledError, Future
from contextlib import contextmanager
from typing import TypeVar

T = TypeVar("T")

TICK = 0.1  # seconds of a wait, at most


class _Held(threading.local):
    """What is held back for a thread."""

    blocks = 0  # `undisturbed` blocks that it is in
    error: BaseException | None = None


_held = _Held()


def interrupt(error: BaseException) -> None:
    """Raise an error in the middle of whatever this thread does, or when `undisturbed` ends."""
    if not _held.blocks:
        raise error
    _held.error = error


@contextmanager
def undisturbed() -> Iterator[None]:
    """A block, soon over, in which `interrupt` does not raise."""
    _held.blocks += 1
    try:
        yield
    finally:
        _held.blocks -= 1
        error = _held.error
        if error is not None and not _held.blocks:
            _held.error = None
            raise error


def wait_for(job: Future[T], report: Callable[[], object] = lambda: None) -> None:
    """Wait until a job has ended, in whichever way.

    Args:
        job: what is waited for.
        report: called every TICK seconds meanwhile.
    """
    while not _ends_soon(job):
        report()


def result_of(job: Future[T], report: Callable[[], object] = lambda: None) -> T:
    """The result of a job, as `wait_for` waits for it. Raises what the job raised."""
    wait_for(job, report)
    return job.result()


def _ends_soon(job: Future[T]) -> bool:
    with undisturbed():
        try:
            job.exception(TICK)
        except TimeoutError:
            return False
        except CancelledError:
            return True
    return True
