"""Interrupts: errors that a signal raises, held back where they would do harm.

A signal's handler raises its error wherever the main thread is. Raised while that thread takes a
lock, the error may leave the lock taken, and the job that needs the lock never ends. So within
`undisturbed` the error waits until the block ends.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager


class _Held(threading.local):
    """What is held back for a thread."""

    blocks = 0  # `undisturbed` blocks that it is in
    error: BaseException | None = None


_held = _Held()


def interrupt(error: BaseException) -> None:
    """Raise an error now, whatever this thread does; within `undisturbed`, when that ends."""
    if not _held.blocks:
        raise error
    _held.error = error


@contextmanager
def undisturbed() -> Iterator[None]:
    """A short block in which `interrupt` does not raise."""
    _held.blocks += 1
    try:
        yield
    finally:
        _held.blocks -= 1
        error = _held.error
        if error is not None and not _held.blocks:
            _held.error = None
            raise error
