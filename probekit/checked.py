"""Checked: files in the cache that begin with a checksum of their content."""

from __future__ import annotations

import hashlib
from contextlib import suppress
from pathlib import Path
from typing import Any

from probekit import cache, whole

DIGEST_BYTES = 32  # at the beginning of a file: a sha256


def read(path: Path, identity: str = "") -> memoryview | None:
    """The content of a file; None where there is none, or its checksum is wrong.

    Args:
        path: of the file.
        identity: what else the checksum is of, so that a file under another name is not believed.
    """
    try:
        with cache.open_to_read(path) as file:
            found = file.read()
    except OSError:
        return None
    content = memoryview(found)[DIGEST_BYTES:]
    return content if _checksum(identity, content) == found[:DIGEST_BYTES] else None


def write(path: Path, content: Any, identity: str = "") -> None:
    """Write a file that `read` reads, of bytes or a buffer. Raises OSError where that fails."""
    path.parent.mkdir(parents=True, exist_ok=True)
    whole.remove_abandoned(path.parent)
    with whole.written_whole(path) as file:
        file.write(_checksum(identity, content))
        file.write(content)


def remove(folder: Path, pattern: str) -> None:
    """Delete the files of a folder whose names match. Those that cannot be deleted stay."""
    for path in whole.inside(folder, pattern):
        with suppress(OSError):
            path.unlink(missing_ok=True)


def _checksum(identity: str, content: Any) -> bytes:
    found = hashlib.sha256(identity.encode())
    found.update(content)
    return found.digest()
