"""Lock: one process at a time holds the lock of a file; the others wait."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Wait until no other process has `path` locked, and lock it. The lock ends with the process.

    The file is created if it is missing, and stays. On a network disk without locks nobody waits.

    Raises:
        OSError: if the file cannot be created or opened, or is a link.
    """
    from filelock import lock_descriptor

    path.parent.mkdir(parents=True, exist_ok=True)
    # Opened read-only: in a shared cache the file may be another user's.
    file = os.open(path, os.O_RDONLY | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0), 0o666)
    try:
        with suppress(OSError):
            lock_descriptor(file)
        yield
    finally:
        os.close(file)
