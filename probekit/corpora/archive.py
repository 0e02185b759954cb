"""Archives: members are read into memory from where they lie; nothing is extracted, nothing
executed."""

from __future__ import annotations

import bz2
import gzip
import lzma
import tarfile
import zlib
from fnmatch import fnmatchcase
from pathlib import Path, PurePosixPath
from typing import IO, Any, cast

from probekit.errors import CorpusError

LARGEST = 512 * 2**20  # bytes of all used members together
LARGEST_ARCHIVE = 8 * 2**30  # bytes of all members, used or not: what unpacking may pass through
MOST_MEMBERS = 100_000
PIECE = 2**20  # bytes that are read at once; a header that is longer is no name of a file
HEADERS = 256 * 2**20  # bytes of all headers together

_PACKED: dict[bytes, Any] = {b"\x1f\x8b": gzip.open, b"BZh": bz2.open, b"\xfd7zXZ": lzma.open}


class _Implausible(Exception):
    """An archive that would take more memory or time than any corpus."""


class _Bounded:
    """An unpacked archive; a header can have it allocate PIECE bytes at once, and all together
    HEADERS."""

    def __init__(self, file: IO[bytes]) -> None:
        self.file = file
        self.headers = 0
        self.in_member = False

    def read(self, size: int) -> bytes:
        if size > PIECE:
            raise _Implausible("a header is implausibly large")
        content = self.file.read(size)
        self.headers += 0 if self.in_member else len(content)
        if self.headers > HEADERS:
            raise _Implausible("its headers are implausibly large")
        return content

    def seek(self, position: int) -> int:
        return self.file.seek(position)

    def tell(self) -> int:
        return self.file.tell()


def read_members(path: Path, pattern: str) -> dict[str, bytes]:
    """Content of the members of a tar archive that match a glob, by path without the archive's top
    folder.

    Raises CorpusError where the archive is damaged, has no such member, or is not to be trusted: a
    member that is absolute, climbs with `..`, is a link or a device, comes twice, or makes it
    larger than is plausible.
    """
    try:
        with path.open("rb") as packed:
            start = packed.read(6)
        unpack = next(
            (opened for magic, opened in _PACKED.items() if start.startswith(magic)), open
        )
        with unpack(path, "rb") as file:
            members = _members(path, _Bounded(file), pattern)
    except _Implausible as error:
        raise CorpusError(f"{path}: {error}") from error
    except (
        tarfile.TarError,
        EOFError,
        zlib.error,
        lzma.LZMAError,
        OSError,
        ValueError,
        RecursionError,
    ) as error:
        raise CorpusError(f"{path} is not a whole tar archive: {error}") from error
    if not members:
        raise CorpusError(f"{path} has no member that matches '{pattern}'")
    return members


def _members(path: Path, file: _Bounded, pattern: str) -> dict[str, bytes]:
    members: dict[str, bytes] = {}
    used = passed = count = 0
    with tarfile.open(fileobj=cast(Any, file), mode="r:") as archive:
        for info in archive:
            count, passed = count + 1, passed + info.size
            inside, called = PurePosixPath(info.name), f"member '{_short(info.name)}'"
            if inside.is_absolute() or ".." in inside.parts:
                raise CorpusError(f"{path}: {called} leads out of the archive")
            name = "/".join(inside.parts[1:])
            wanted = fnmatchcase(name, pattern) and not info.isdir()
            used += info.size if wanted else 0
            if used > LARGEST or passed > LARGEST_ARCHIVE or count > MOST_MEMBERS:
                raise _Implausible(f"{called} makes the archive implausibly large")
            if not wanted:
                continue
            if not info.isreg() or info.issparse() or name in members:
                raise CorpusError(f"{path}: {called} is not a plain file, or comes twice")
            file.in_member = True
            members[name] = _content(archive, info)
            file.in_member = False
    return members


def _content(archive: tarfile.TarFile, info: tarfile.TarInfo) -> bytes:
    content = archive.extractfile(info)
    assert content is not None
    pieces = []
    while piece := content.read(PIECE // 2):
        pieces.append(piece)
    return b"".join(pieces)


def _short(name: str) -> str:
    return name if len(name) <= 80 else f"{name[:77]}…"
