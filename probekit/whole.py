"""Whole: a file exists complete or not at all, and the remains of killed runs can be told by name.

A file is written as `.NAME.THREAD.HOST-PID.part` and renamed when it is complete. That name is
always created anew, so a link planted there is not followed.
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

STALE = 3_600  # seconds after which a part from another machine counts as abandoned
ENDING = ".part"

_REASONS = {
    errno.ENOSPC: "the disk is full",
    errno.EDQUOT: "the disk quota is used up",
    errno.EFBIG: "the file would be larger than the system allows",
    errno.EACCES: "permission denied",
    errno.EPERM: "permission denied",
    errno.EROFS: "the disk is read-only",
    errno.ENAMETOOLONG: "the name is too long for the file system",
    errno.ENOTDIR: "a part of the path is a file, not a folder",
    errno.EEXIST: "a file of that name is in the way",
    errno.EISDIR: "it is a folder, not a file",
    errno.ELOOP: "a link is in the way",
}


def reason(error: OSError) -> str:
    """Why reading or writing failed, in words."""
    return _REASONS.get(error.errno or 0) or error.strerror or str(error)


def is_full(error: OSError) -> bool:
    """Whether the disk or the quota is full."""
    return error.errno in (errno.ENOSPC, errno.EDQUOT)


def part_of(path: Path) -> Path:
    """The name under which this thread writes `path` until it is complete."""
    return path.with_name(
        f".{path.name}.{threading.get_ident():x}.{socket.gethostname()}-{os.getpid()}{ENDING}"
    )


def create(path: Path) -> BinaryIO:
    """A new file to write to. An existing file of that name is removed first. Raises OSError."""
    path.unlink(missing_ok=True)
    flags = os.O_CREAT | os.O_EXCL | os.O_WRONLY
    flags |= getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0)
    return os.fdopen(os.open(path, flags, 0o666), "wb")  # the mode is what the umask leaves


@contextmanager
def written_whole(path: Path) -> Iterator[BinaryIO]:
    """A file to write to that becomes `path` at the end of the block; after an exception `path` is
    unchanged.

    Raises:
        OSError: if writing fails.
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
    """Write files that belong together into `folder`; all are complete before the first is renamed.

    A kill between two renames can leave new files beside old ones. The last of `contents` is
    renamed last, so that it can tell whether the others belong to it (see `results.folder`).

    Raises:
        OSError: if writing fails; the old files are then unchanged.
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
    """Paths in a folder that match a glob, sorted; none if the folder is missing or cannot be
    listed."""
    try:
        return sorted(folder.glob(pattern))
    except OSError:
        return []


def remove_abandoned(folder: Path, pattern: str = f".*{ENDING}") -> None:
    """Remove the abandoned parts (files and folders) in `folder`.

    What cannot be removed stays: it is another user's, or the disk is read-only.
    """
    for part in inside(folder, pattern):
        if not is_abandoned(part):
            continue
        if part.is_dir() and not part.is_symlink():
            shutil.rmtree(part, ignore_errors=True)
        else:
            with suppress(OSError):
                part.unlink(missing_ok=True)


def is_abandoned(part: Path) -> bool:
    """Whether nobody writes to a part any more: its process has ended or, on another machine, it is
    STALE."""
    host, _, pid = part.name.removesuffix(ENDING).rpartition("-")
    if pid.isdecimal() and len(pid) < 10 and host.endswith(f".{socket.gethostname()}"):
        return not _is_running(int(pid))
    try:
        return time.time() - part.lstat().st_mtime > STALE
    except OSError:
        return False  # it no longer exists


def _is_running(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:
        pass  # another user's
    return True
