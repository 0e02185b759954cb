"""Archives: members are read into memory in place; nothing is extracted or executed."""

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
LARGEST_ARCHIVE = 8 * 2**30  # bytes of all members, used or not
MOST_MEMBERS = 100_000
BLOCK = 2**20  # bytes that are read at once; a longer header cannot be a file name
HEADERS = 256 * 2**20  # bytes of all headers together

_DAMAGED = (
    tarfile.TarError,
    EOFError,
    zlib.error,
    lzma.LZMAError,
    OSError,
    ValueError,
    RecursionError,
)
_PACKED: dict[bytes, Any] = {b"\x1f\x8b": gzip.open, b"BZh": bz2.open, b"\xfd7zXZ": lzma.open}


class _Implausible(Exception):
    """An archive that needs more memory or time than any corpus would."""


class _Bounded:
    """An unpacked archive whose headers may take BLOCK bytes each and HEADERS bytes together."""

    def __init__(self, file: IO[bytes]) -> None:
        self.file = file
        self.headers = 0
        self.in_member = False

    def read(self, size: int) -> bytes:
        if size > BLOCK:
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
    """Read the members of a tar archive that match a glob.

    Returns:
        The content of each member, by its path without the archive's top folder.

    Raises:
        CorpusError: if the archive is damaged, has no matching member, or cannot be trusted: a
            member has an absolute path or `..` in it, is a link or a device, occurs twice, or
            makes the archive implausibly large.
    """
    try:
        with path.open("rb") as packed:
            start = packed.read(6)
        unpackers = [unpack for magic, unpack in _PACKED.items() if start.startswith(magic)]
        unpack = unpackers[0] if unpackers else open
        with unpack(path, "rb") as file:
            members = _members(path, _Bounded(file), pattern)
    except _Implausible as error:
        raise CorpusError(f"{path}: {error}") from error
    except _DAMAGED as error:
        raise CorpusError(f"{path} is not a whole tar archive: {error}") from error
    if not members:
        raise CorpusError(f"{path} has no member that matches '{pattern}'")
    return members


def _members(path: Path, file: _Bounded, pattern: str) -> dict[str, bytes]:
    members: dict[str, bytes] = {}
    used = passed = count = 0
    with tarfile.open(fileobj=cast(Any, file), mode="r:") as archive:
        for info in archive:
            count += 1
            passed += info.size
            inside = PurePosixPath(info.name)
            called = f"member '{_short(info.name)}'"
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
    blocks = []
    while block := content.read(BLOCK // 2):
        blocks.append(block)
    return b"".join(blocks)


def _short(name: str) -> str:
    return name if len(name) <= 80 else f"{name[:77]}…"
