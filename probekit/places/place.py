"""Place: a folder of files, on a disk or behind a URL.

A file there exists complete or not at all: it is written in one go, and replaced in one go.
"""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import NamedTuple, Protocol


class Opened(Protocol):
    """A file that is open for reading.

    FileNotFoundError may be raised when it is read, rather than when it was opened.
    """

    @property
    def at_once(self) -> int:
        """How many bytes to read at once, of a whole file."""

    def size(self) -> int:
        """How many bytes it has."""

    def read_into(self, view: memoryview, begin: int) -> int:
        """Read the bytes from `begin` on into `view`; returns how many there were."""


class Located(Protocol):
    """Where a file lies. As a text it is the path or the URL."""

    def exists(self) -> bool:
        """Whether the file is there now."""


class Listed(NamedTuple):
    """A file or folder in a place.

    Attributes:
        name: its name in the place.
        is_folder: whether it is a folder, or a link to one.
        size: bytes of a file.
        written: time of the last write, in seconds since 1970; 0 where that is unknown.
    """

    name: str
    is_folder: bool
    size: int
    written: float


class Place(Protocol):
    """A folder. It need not exist yet. All functions raise StoreError where it cannot be used."""

    @property
    def name(self) -> str:
        """The last part of its path or URL."""

    def inside(self, name: str) -> Place:
        """A folder in it."""

    def at(self, name: str) -> Located:
        """A file in it."""

    def listing(self) -> list[Listed]:
        """What is in it, without what is being written."""

    def open(self, name: str) -> AbstractContextManager[Opened]:
        """Open a file. Raises FileNotFoundError where it is missing, or a link."""

    def put(self, name: str, *content: bytes | memoryview) -> None:
        """Write a file whole, in the place of one that may be there."""

    def delete(self, name: str) -> None:
        """Delete a file, if it is there."""

    def remove(self) -> None:
        """Delete the folder with all that is in it, if it is there."""

    def check(self) -> None:
        """Raise StoreError where this is not to be trusted: a link, or another user's."""

    def tidy(self) -> None:
        """Delete what killed runs left."""

    def free(self) -> int | None:
        """Free bytes on its disk; None where nobody knows."""


def read(place: Place, name: str, longest: int) -> bytes:
    """The first bytes of a file, at most `longest`. Raises FileNotFoundError, and StoreError."""
    with place.open(name) as file:
        content = bytearray(min(file.size(), longest))
        n_bytes = file.read_into(memoryview(content), 0)
    return bytes(content[:n_bytes])
