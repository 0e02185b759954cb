"""Store: hidden states on disk, one safetensors file per shard and layer.

    CACHE/states/KEY/manifest.json                  fingerprints and conventions of these states
    CACHE/states/KEY/train-00003-L05.safetensors    shard 3 of train at layer 5: (words, dim)

A shard is a run of whole reading units, so that its words are consecutive (see `shard`). Every file
is written under a temporary name and then renamed, so that a file that exists is complete.
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

FORMAT = 3
MANIFEST = "manifest.json"
ATTEMPTS = 10
StoreDtype = Literal["float16", "float32"]


@dataclass(frozen=True)
class Store:
    """The states of one corpus in one context, computed by one checkpoint.

    Attributes:
        folder: the folder of the files.
        dim: width of a vector.
        dtype: type of the stored values.
        manifest: text of the manifest.
    """

    folder: Path
    dim: int
    dtype: StoreDtype = "float16"
    manifest: str = field(default="", repr=False)
    _begins: dict[Path, int] = field(default_factory=dict, repr=False, compare=False)

    def path(self, shard: Shard, layer: int) -> Path:
        """The file of one shard at one layer."""
        return self.folder / f"{shard.split}-{shard.number:05d}-L{layer:02d}.safetensors"

    def write(self, shard: Shard, layer: int, values: np.ndarray, no_subword: list[int]) -> None:
        """Write the vectors of a shard at one layer.

        Args:
            shard: the shard.
            layer: number of the layer.
            values: `(words, dim)`.
            no_subword: positions in the shard of the words without a subword.

        Raises StoreError where the disk is full or cannot be written.
        """
        path = self.path(shard, layer)
        values = np.ascontiguousarray(values)
        with _writing(path):
            _put(path, self.manifest.encode(), header_of(path, values, no_subword), values.data)

    def header(self, shard: Shard, layer: int) -> Header | None:
        """The header of the file; None where it is missing, cut, damaged, or of another shard.

        Raises StoreError where the file exists and cannot be read.
        """
        path = self.path(shard, layer)
        with _reading(path) as file:
            if file is None:
                return None
            found = read_header(path, file)
        if found is None or not self._fits(found, shard):
            return None
        return found

    def is_whole(self, shard: Shard, layer: int) -> bool:
        """Whether the file exists, is of this shard and layer, and matches its checksums.

        Raises StoreError where the file exists and cannot be read.
        """
        if self.header(shard, layer) is None:
            return False
        path = self.path(shard, layer)
        with _reading(path) as file:
            return file is not None and matches_itself(path, file)

    def _fits(self, header: Header, shard: Shard) -> bool:
        n_words = shard.stop - shard.start
        for row in header.no_subword:
            if not isinstance(row, int) or not 0 <= row < n_words:
                return False
        return header.shape == (n_words, self.dim) and header.dtype == np.dtype(self.dtype)

    def read_into(self, out: np.ndarray, shard: Shard, layer: int, start: int, stop: int) -> None:
        """Read the words from `start` up to `stop` (positions in the split) into `out`,
        `(stop - start, dim)`.

        Positioned reads rather than a memory map: the pages belong to the system, so that a store
        larger than memory does not count towards this process.
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
                    raise StoreError(
                        f"a file of states was cut while it was read: {path}; run it again"
                    )
                view, offset = view[n:], offset + n


def went_missing(path: Path) -> str:
    """The message for a file that existed before."""
    return f"states went missing while they were read: {path}; run it again"


def store_of(manifest: dict[str, Any]) -> Path:
    """The folder of the states that `manifest` describes, whether it exists or not.

    Equal manifests have the same folder.
    """
    return states_root() / key_of(_text(manifest).encode())


def key_of(text: bytes) -> str:
    """The folder name of a store, from the text of its manifest."""
    return hashlib.sha256(text).hexdigest()[:24]


def _text(manifest: dict[str, Any]) -> str:
    return json.dumps({"format": FORMAT, **manifest}, sort_keys=True, indent=1)


def open_store(manifest: dict[str, Any], dim: int, dtype: StoreDtype) -> Store:
    """The store of the states that `manifest` describes, created where it does not exist.

    Raises StoreError where it cannot be created, is a link, or belongs to another user and the
    cache is not shared.
    """
    folder, text = store_of(manifest), _text(manifest)
    with _writing(folder / MANIFEST):
        if folder.is_symlink():
            raise StoreError(f"{folder} is a link, which a store must not be: delete it")
        if folder.exists():
            cache.check_owner(folder, folder.stat())
        with _reading(folder / MANIFEST) as file:
            existing = file.read() if file else b""
        if existing != text.encode():  # missing or damaged
            _put(folder / MANIFEST, text.encode(), text.encode())
    remove_abandoned(folder)
    return Store(folder, dim, dtype, text)


def _put(path: Path, manifest: bytes, *content: bytes | memoryview) -> None:
    """Write a file of a store, and its manifest where the store was pruned meanwhile."""
    for attempt in range(ATTEMPTS):
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with written_whole(path) as file:
                file.writelines(content)
            place = path.with_name(MANIFEST)
            if not place.exists():
                with written_whole(place) as file:
                    file.write(manifest)
            return
        except (FileNotFoundError, FileExistsError):  # pruned between two of these steps
            if attempt == ATTEMPTS - 1:
                raise


def states_root() -> Path:
    """The folder of all stores."""
    return cache.root() / "states"


@contextmanager
def _reading(path: Path) -> Iterator[BinaryIO | None]:
    """The file; None where it is missing or a link.

    Raises StoreError where it cannot be read.
    """
    try:
        file = cache.open_to_read(path)
    except cache.NotOurs as error:
        raise StoreError(str(error)) from error
    except PermissionError as error:
        raise StoreError(
            f"cannot read {path}: {reason(error)}. Ask its owner for permission to read, or set "
            "PROBEKIT_CACHE to a folder of your own"
        ) from error
    except OSError:
        yield None
        return
    with file:
        yield file


@contextmanager
def _writing(path: Path) -> Iterator[None]:
    """Raise StoreError for whatever goes wrong while writing."""
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
            "free some space ('probekit cache' lists the stores), or set PROBEKIT_CACHE to a "
            "folder on another disk; finished shards will be reused"
        )
    elif error.errno in (errno.ENOTDIR, errno.EEXIST):
        remedy = "delete that file, or set PROBEKIT_CACHE to a folder"
    return f"cannot write {path}: {reason(error)}; {remedy}"
