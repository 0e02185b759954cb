"""Store: hidden states on disk, one safetensors file a shard and layer.

    CACHE/states/KEY/manifest.json           what these states are of: fingerprints and conventions
    CACHE/states/KEY/train-00003-L05.safetensors    words of shard 3 of train at layer 5: (words, dim)

A shard is a run of whole reading units, so its words follow one another (see `shard`). Every file
is written under another name first and then renamed: it is there and whole, or it is not there.
"""

from __future__ import annotations

import errno
import hashlib
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO, Literal

import numpy as np

from probekit import cache
from probekit.errors import StoreError
from probekit.states.shard import Header, Shard, header_of, matches_itself, read_header
from probekit.whole import is_full, reason, remove_abandoned, written_whole

FORMAT = 2
MANIFEST = "manifest.json"
ATTEMPTS = 10
StoreDtype = Literal["float16", "float32"]


@dataclass(frozen=True)
class Store:
    """One checkpoint's states of one corpus, read in one context.

    Attributes:
        folder: where the files lie.
        dim: width of a vector.
        dtype: as stored.
        described: text of the manifest.
    """

    folder: Path
    dim: int
    dtype: StoreDtype = "float16"
    described: str = field(default="", repr=False)
    _begins: dict[Path, int] = field(default_factory=dict, repr=False, compare=False)

    def path(self, shard: Shard, layer: int) -> Path:
        """The file of one shard at one layer."""
        return self.folder / f"{shard.split}-{shard.number:05d}-L{layer:02d}.safetensors"

    def write(self, shard: Shard, layer: int, values: np.ndarray, no_piece: list[int]) -> None:
        """Write `(words, dim)` vectors, and the positions in the shard of words that have no piece.

        Raises StoreError where the disk is full or cannot be written.
        """
        path = self.path(shard, layer)
        values = np.ascontiguousarray(values)
        with _writing(path):
            _put(path, self.described.encode(), header_of(path, values, no_piece), values.data)

    def header(self, shard: Shard, layer: int) -> Header | None:
        """What the file says of its values; None where it is missing, cut, damaged, or of something
        else.

        Raises StoreError where it is there and cannot be read.
        """
        path = self.path(shard, layer)
        with _reading(path) as file:
            found = read_header(path, file) if file else None
        return found if found and self._fits(found, shard) else None

    def is_whole(self, shard: Shard, layer: int) -> bool:
        """Whether the file is there, is of this shard and layer, and matches its checksums.

        Raises StoreError where it is there and cannot be read.
        """
        if self.header(shard, layer) is None:
            return False
        path = self.path(shard, layer)
        with _reading(path) as file:
            return file is not None and matches_itself(path, file)

    def _fits(self, header: Header, shard: Shard) -> bool:
        n_words = shard.stop - shard.start
        rows_fit = all(isinstance(row, int) and 0 <= row < n_words for row in header.no_piece)
        return (
            rows_fit
            and header.shape == (n_words, self.dim)
            and header.dtype == np.dtype(self.dtype)
        )

    def read_into(self, out: np.ndarray, shard: Shard, layer: int, start: int, stop: int) -> None:
        """Read words `start` to `stop` (positions in the split) into `out`, `(stop - start, dim)`.

        Plain positioned reads rather than a memory map: the pages stay the system's, so that a
        store larger than memory does not count towards this process.
        """
        path = self.path(shard, layer)
        row = self.dim * np.dtype(self.dtype).itemsize
        view = out.data.cast("B")
        if path not in self._begins:
            found = self.header(shard, layer)
            if found is None:
                raise StoreError(went_missing(path))
            self._begins[path] = found.begin
        with _reading(path) as file:
            if file is None:
                raise StoreError(went_missing(path))
            offset = self._begins[path] + (start - shard.start) * row
            while view.nbytes:
                n = os.preadv(file.fileno(), [view], offset)
                if n == 0:
                    raise StoreError(f"states were cut while they were read: {path}; run it again")
                view, offset = view[n:], offset + n


def went_missing(path: Path) -> str:
    """The message for a file that was there before."""
    return f"states went missing while they were read: {path}; run it again"


def store_of(manifest: dict[str, Any]) -> Path:
    """The folder of what `manifest` describes, there or not: the same description is the same
    folder."""
    return states_root() / key_of(_text(manifest).encode())


def key_of(text: bytes) -> str:
    """The name of the store that the text of a manifest describes."""
    return hashlib.sha256(text).hexdigest()[:24]


def _text(manifest: dict[str, Any]) -> str:
    return json.dumps({"format": FORMAT, **manifest}, sort_keys=True, indent=1)


def open_store(manifest: dict[str, Any], dim: int, dtype: StoreDtype) -> Store:
    """The store of what `manifest` describes, made where it is not there yet.

    Raises StoreError where it cannot be made, is a link, or is another user's in a cache that is
    not shared.
    """
    folder, text = store_of(manifest), _text(manifest)
    with _writing(folder / MANIFEST):
        if folder.is_symlink():
            raise StoreError(f"{folder} is a link, and a store is none: delete it")
        if folder.exists():
            cache.check_owner(folder, folder.stat())
        with _reading(folder / MANIFEST) as file:
            there = file.read() if file else b""
        if there != text.encode():  # not there yet, or damaged
            _put(folder / MANIFEST, text.encode(), text.encode())
    remove_abandoned(folder)
    return Store(folder, dim, dtype, text)


def _put(path: Path, manifest: bytes, *content: bytes | memoryview) -> None:
    """Write a file of a store, and its manifest again where the store was pruned meanwhile."""
    for attempt in range(ATTEMPTS):
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with written_whole(path) as file:
                file.writelines(content)
            described = path.with_name(MANIFEST)
            if not described.exists():
                with written_whole(described) as file:
                    file.write(manifest)
            return
        except (FileNotFoundError, FileExistsError):  # pruned between two of these steps
            if attempt == ATTEMPTS - 1:
                raise


def states_root() -> Path:
    """The folder all stores lie in."""
    return cache.root() / "states"


@contextmanager
def _reading(path: Path) -> Iterator[BinaryIO | None]:
    """The file, or None where there is none, or a link in its place. Raises StoreError where it
    cannot be read."""
    try:
        file = cache.open_to_read(path)
    except cache.NotOurs as error:
        raise StoreError(str(error)) from error
    except PermissionError as error:
        raise StoreError(
            f"cannot read {path}: {reason(error)}. Ask its owner for permission to read, or set PROBEKIT_CACHE to a "
            "folder of your own"
        ) from error
    except OSError:
        yield None
        return
    with file:
        yield file


@contextmanager
def _writing(path: Path) -> Iterator[None]:
    """Turns what can go wrong into StoreError."""
    try:
        yield
    except cache.NotOurs as error:
        raise StoreError(str(error)) from error
    except OSError as error:
        raise StoreError(cannot_write(path, error)) from error


def cannot_write(path: Path, error: OSError) -> str:
    """The message for a cache that cannot be written."""
    remedy = "set PROBEKIT_CACHE to a folder that you can write"
    if is_full(error):
        remedy = (
            "free some space ('probekit cache' lists what can go), or set PROBEKIT_CACHE to a folder on another disk; "
            "what is finished will be reused"
        )
    elif error.errno in (errno.ENOTDIR, errno.EEXIST):
        remedy = "delete that file, or set PROBEKIT_CACHE to a folder"
    return f"cannot write {path}: {reason(error)}; {remedy}"
