"""Whole: a file is there complete or not at all, and what killed runs left is known by its name.

A file is written as `.NAME.THREAD.HOST-PID.part` and renamed when it is complete. Such a name is
created, never
opened: a link that somebody planted there is not followed.
"""

from __future__ import annotations

import errno
import os
import shutil
import socket
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

STALE = 3_600  # seconds after which a part of another machine counts as left behind
ENDING = ".part"

_REASONS = {
    errno.ENOSPC: "the disk is full",
    errno.EDQUOT: "the disk quota is used up",
    errno.EFBIG: "the file would be larger than the system allows",
    errno.EACCES: "no permission to write there",
    errno.EPERM: "no permission to write there",
    errno.EROFS: "the disk is read-only",
    errno.ENAMETOOLONG: "the name is too long for the file system",
    errno.ENOTDIR: "a part of the path is a file, not a folder",
    errno.EEXIST: "a file of that name is in the way",
    errno.EISDIR: "a folder of that name is in the way",
    errno.ELOOP: "a link is in the way",
}


def reason(error: OSError) -> str:
    """Why reading or writing failed, in words."""
    return _REASONS.get(error.errno or 0) or error.strerror or str(error)


def is_full(error: OSError) -> bool:
    """Whether space is what is missing."""
    return error.errno in (errno.ENOSPC, errno.EDQUOT)


def part_of(path: Path) -> Path:
    """The name under which this thread writes `path` until it is complete."""
    return path.with_name(
        f".{path.name}.{threading.get_ident():x}.{socket.gethostname()}-{os.getpid()}{ENDING}"
    )


def create(path: Path) -> BinaryIO:
    """A new file to write to. What stands there under that name is removed, not written to. Raises
    OSError."""
    path.unlink(missing_ok=True)
    flags = (
        os.O_CREAT
        | os.O_EXCL
        | os.O_WRONLY
        | getattr(os, "O_NOFOLLOW", 0)
        | getattr(os, "O_BINARY", 0)
    )
    return os.fdopen(os.open(path, flags, 0o666), "wb")  # the mode is what the umask leaves


@contextmanager
def written_whole(path: Path) -> Iterator[BinaryIO]:
    """A file to write to that becomes `path` when the block is left; after an exception `path` is
    as it was.

    Raises OSError where writing fails.
    """
    begun = part_of(path)
    try:
        with create(begun) as file:
            yield file
        begun.replace(path)
    except BaseException:
        begun.unlink(missing_ok=True)
        raise


def replace_together(folder: Path, contents: Mapping[str, bytes]) -> None:
    """Write files that belong together into `folder`: every one complete before the first is
    renamed.

    A kill between two renames can leave new files beside old ones; the last of `contents` is
    renamed last, so that it can tell the others (see `results.folder`). Raises OSError; the old
    files are then as they were.
    """
    begun = {folder / name: part_of(folder / name) for name in contents}
    try:
        for part, content in zip(begun.values(), contents.values(), strict=True):
            with create(part) as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
        for path, part in begun.items():
            part.replace(path)
    finally:
        for part in begun.values():
            part.unlink(missing_ok=True)


def inside(folder: Path, pattern: str) -> list[Path]:
    """Paths in a folder that match a glob, in order; none where the folder went or cannot be
    listed."""
    try:
        return sorted(folder.glob(pattern))
    except OSError:
        return []


def remove_left_behind(folder: Path, pattern: str = f".*{ENDING}") -> None:
    """Remove the parts in `folder` (files and folders) whose process has ended, and those of other
    machines once they are STALE. What cannot be removed stays: it is another user's, or the disk is
    read-only."""
    for left in inside(folder, pattern):
        if not left_behind(left):
            continue
        if left.is_dir() and not left.is_symlink():
            shutil.rmtree(left, ignore_errors=True)
        else:
            with suppress(OSError):
                left.unlink(missing_ok=True)


def left_behind(part: Path) -> bool:
    """Whether nobody writes to a part any more."""
    host, _, pid = part.name.removesuffix(ENDING).rpartition("-")
    if pid.isdecimal() and len(pid) < 10 and host.endswith(f".{socket.gethostname()}"):
        return not _is_running(int(pid))
    try:
        return time.time() - part.lstat().st_mtime > STALE
    except OSError:
        return False  # it is gone


def _is_running(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:
        pass  # another user's
    return True
