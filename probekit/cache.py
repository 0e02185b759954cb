"""Cache: where probekit keeps what it downloads and computes, and whose files in it are believed."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import BinaryIO

SHARED = "PROBEKIT_CACHE_SHARED"


class NotOurs(PermissionError):
    """A file of somebody else in a cache that is not declared shared."""


def root() -> Path:
    """`PROBEKIT_CACHE`, or the user's cache folder. It need not exist yet."""
    chosen = os.environ.get("PROBEKIT_CACHE")
    if chosen:
        return Path(os.path.expanduser(chosen))  # noqa: PTH111 - Path.expanduser raises for an unknown user
    import platformdirs

    return Path(platformdirs.user_cache_dir("probekit", appauthor=False))


def is_shared() -> bool:
    """Whether files of other users are believed: `PROBEKIT_CACHE_SHARED` is `1` or `yes`."""
    return os.environ.get(SHARED, "").lower() in ("1", "yes", "true")


def check_owner(path: Path, found: os.stat_result) -> None:
    """Raise NotOurs for what belongs neither to this user nor to root, in a cache that is not
    shared."""
    if hasattr(os, "getuid") and found.st_uid not in (os.getuid(), 0) and not is_shared():
        raise NotOurs(
            f"{path} belongs to another user: set {SHARED}=yes to believe it, or PROBEKIT_CACHE to a folder of your own"
        )


def open_to_read(path: Path) -> BinaryIO:
    """A plain file in the cache, opened to be read; a link is not followed.

    Raises NotOurs for another user's, OSError where it cannot be read.
    """
    file = os.fdopen(
        os.open(path, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0)),
        "rb",
        0,
    )
    try:
        found = os.fstat(file.fileno())
        if not stat.S_ISREG(found.st_mode):
            raise OSError(f"{path} is no plain file")
        check_owner(path, found)
    except OSError:
        file.close()
        raise
    return file
