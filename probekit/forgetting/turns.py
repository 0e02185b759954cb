"""Turns: one process at a time measures a checkpoint, so that none deletes the states that another reads."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from probekit import cache

_held: set[str] = set()  # by this process, which must not wait for itself


@contextmanager
def turn(name: str) -> Iterator[None]:
    """Wait until no other process holds `name`, and hold it. It goes with the process.

    Where the system has no such locks (Windows, some network disks), or the cache cannot be written to, nobody waits.
    """
    lock = None if name in _held else _open(name)
    if lock is None:
        yield
        return
    import fcntl

    _held.add(name)
    try:
        with suppress(OSError):  # a network disk without locks
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield
    finally:
        _held.discard(name)
        os.close(lock)


def _open(name: str) -> int | None:
    try:
        import fcntl  # noqa: F401 - asked for its absence

        folder = cache.root() / "locks"
        folder.mkdir(parents=True, exist_ok=True)
        return os.open(folder / name, os.O_RDWR | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0), 0o666)
    except (ImportError, OSError):
        return None
