"""Local place: a folder on a disk, of this machine or shared by several.

A file is written under a temporary name and then renamed.
"""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from probekit import cache
from probekit.errors import StoreError
from probekit.places.place import Listed
from probekit.whole import is_full, part_of, reason, remove_abandoned, written_whole

ATTEMPTS = 10


class _LocalFile:
    """An open file: see `Opened`.

    Positioned reads rather than a memory map: the pages belong to the system, so that a file larger
    than memory does not count towards this process.
    """

    at_once = 1 << 20  # small enough to stay in a core's cache

    def __init__(self, file: BinaryIO) -> None:
        self._number = file.fileno()

    def size(self) -> int:
        return os.fstat(self._number).st_size

    def read_into(self, view: memoryview, begin: int) -> int:
        done = 0
        while done < view.nbytes:
            n = os.preadv(self._number, [view[done:]], begin + done)
            if n == 0:
                break
            done += n
        return done


@dataclass(frozen=True)
class LocalPlace:
    """A folder on a disk: see `Place`.

    Attributes:
        folder: the folder.
        variable: the environment variable that says where it is.
    """

    folder: Path
    variable: str = "PROBEKIT_CACHE"

    def __str__(self) -> str:
        return str(self.folder)

    @property
    def name(self) -> str:
        """See `Place`."""
        return self.folder.name

    def inside(self, name: str) -> LocalPlace:
        """See `Place`."""
        return LocalPlace(self.folder / name, self.variable)

    def at(self, name: str) -> Path:
        """See `Place`."""
        return self.folder / name

    def listing(self) -> list[Listed]:
        """See `Place`."""
        try:
            paths = [path for path in self.folder.iterdir() if not path.name.startswith(".")]
        except FileNotFoundError:
            return []
        except OSError as error:
            raise StoreError(f"cannot list {self.folder}: {reason(error)}") from error
        found = []
        for path in paths:
            try:
                status = path.lstat()
            except OSError:
                continue  # deleted meanwhile
            found.append(Listed(path.name, path.is_dir(), status.st_size, status.st_mtime))
        return found

    @contextmanager
    def open(self, name: str) -> Iterator[_LocalFile]:
        """See `Place`."""
        path = self.folder / name
        try:
            file = cache.open_to_read(path)
        except cache.NotOurs as error:
            raise StoreError(str(error)) from error
        except PermissionError as error:
            raise StoreError(
                f"cannot read {path}: {reason(error)}. Ask its owner for permission to read, or "
                f"set {self.variable} to a folder of your own"
            ) from error
        except OSError as error:
            raise FileNotFoundError(errno.ENOENT, f"{path} is no file") from error
        with file:
            yield _LocalFile(file)

    def put(self, name: str, *content: bytes | memoryview) -> None:
        """See `Place`."""
        path = self.folder / name
        for attempt in range(ATTEMPTS):
            try:
                path.parent.mkdir(parents=True, exist_ok=True)
                with written_whole(path) as file:
                    file.writelines(content)
                return
            except (FileNotFoundError, FileExistsError) as error:
                # The folder was removed between two of these steps.
                if attempt == ATTEMPTS - 1:
                    raise StoreError(_cannot_write(path, self.variable, error)) from error
            except OSError as error:
                raise StoreError(_cannot_write(path, self.variable, error)) from error

    def delete(self, name: str) -> None:
        """See `Place`."""
        path = self.folder / name
        try:
            path.unlink(missing_ok=True)
        except OSError as error:
            raise StoreError(f"cannot delete {path}: {reason(error)}") from error

    def remove(self) -> None:
        """See `Place`."""
        try:
            if self.folder.is_symlink():
                self.folder.unlink()
                return
            # A renamed folder is gone for everybody at once, and removed later if this is killed.
            renamed = part_of(self.folder)
            self.folder.rename(renamed)
            shutil.rmtree(renamed)
        except FileNotFoundError:
            return  # another process deleted it
        except OSError as error:
            raise StoreError(f"cannot delete {self.folder}: {reason(error)}") from error

    def check(self) -> None:
        """See `Place`."""
        try:
            if self.folder.is_symlink():
                raise StoreError(f"{self.folder} is a link, which a store must not be: delete it")
            if self.folder.exists():
                cache.check_owner(self.folder, self.folder.stat())
        except cache.NotOurs as error:
            raise StoreError(str(error)) from error
        except OSError as error:
            raise StoreError(_cannot_write(self.folder, self.variable, error)) from error

    def tidy(self) -> None:
        """See `Place`."""
        remove_abandoned(self.folder)

    def free(self) -> int | None:
        """See `Place`."""
        there = next(path for path in (self.folder, *self.folder.parents) if path.exists())
        return shutil.disk_usage(there).free


def _cannot_write(path: Path, variable: str, error: OSError) -> str:
    """The message for a folder that cannot be written, which an environment variable names."""
    remedy = f"set {variable} to a folder that you can write"
    if is_full(error):
        remedy = (
            f"free some space ('probekit cache' lists the stores), or set {variable} to a "
            "folder on another disk; finished shards will be reused"
        )
    elif error.errno in (errno.ENOTDIR, errno.EEXIST):
        remedy = f"delete that file, or set {variable} to a folder"
    return f"cannot write {path}: {reason(error)}; {remedy}"
