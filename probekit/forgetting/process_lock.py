"""Process lock: one process at a time measures a checkpoint.

Otherwise one could delete the states that another is reading.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress

from probekit import cache
from probekit.lock import locked

_held: set[str] = set()  # by this process, which must not wait for itself


@contextmanager
def process_lock(name: str) -> Iterator[None]:
    """Wait until no other process holds `name`, and hold it in the block.

    The lock ends with the process. Where the cache cannot be written, nobody waits.
    """
    if name in _held:
        yield
        return
    with ExitStack() as stack:
        with suppress(OSError):
            stack.enter_context(locked(cache.root() / "locks" / name))
        _held.add(name)
        stack.callback(_held.discard, name)
        yield
