"""Waiting for jobs of other threads, many times for a moment, so that a signal can end it."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import CancelledError, Future
from typing import TypeVar

from probekit.engine.interrupts import undisturbed

T = TypeVar("T")

TICK = 0.1  # seconds of a wait, at most


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
