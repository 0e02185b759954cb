"""Cache: where probekit stores what it downloads and computes, and whose files it trusts."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import BinaryIO

SHARED = "PROBEKIT_CACHE_SHARED"


class NotOurs(PermissionError):
    """A file of another user in a cache that is not declared shared."""


def root() -> Path:
    """`PROBEKIT_CACHE`, or the user's cache folder. It need not exist yet."""
    chosen = os.environ.get("PROBEKIT_CACHE")
    if chosen:
        # Path.expanduser would raise for an unknown user.
        return Path(os.path.expanduser(chosen))  # noqa: PTH111
    import platformdirs

    return Path(platformdirs.user_cache_dir("probekit", appauthor=False))


def is_shared() -> bool:
    """Whether files of other users are trusted: `PROBEKIT_CACHE_SHARED` is `1`, `yes` or `true`."""
    return os.environ.get(SHARED, "").lower() in ("1", "yes", "true")


def check_owner(path: Path, found: os.stat_result) -> None:
    """Raise NotOurs for a file of another user than this one and root, unless the cache is
    shared."""
    if hasattr(os, "getuid") and found.st_uid not in (os.getuid(), 0) and not is_shared():
        raise NotOurs(
            f"{path} belongs to another user: "
            f"set {SHARED}=yes to trust it, or PROBEKIT_CACHE to a folder of your own"
        )


def open_to_read(path: Path) -> BinaryIO:
    """Open a plain file in the cache for reading; links are not followed.

    Raises:
        NotOurs: for a file of another user.
        OSError: if it cannot be read.
    """
    flags = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0)
    file = os.fdopen(os.open(path, flags), "rb", buffering=0)
    try:
        found = os.fstat(file.fileno())
        if not stat.S_ISREG(found.st_mode):
            raise OSError(f"{path} is not a plain file")
        check_owner(path, found)
    except OSError:
        file.close()
        raise
    return file
