"""Store: hidden states on disk, one safetensors file a shard and layer.

    CACHE/states/KEY/manifest.json           what these states are of: fingerprints and conventions
    CACHE/states/KEY/train-00003-L05.safetensors    words of shard 3 of train at layer 5: (words, dim)

A shard is a run of whole reading units, so its words follow one another. Every file carries the checksum of its
own values, and is written under another name first and then renamed: it is there and whole, or it is not there.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import struct
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, BinaryIO, Literal

import numpy as np
import xxhash
from safetensors import SafetensorError

from probekit import cache
from probekit.corpora.passage import Split
from probekit.errors import StoreError

FORMAT = 1
STALE = 3_600  # seconds
StoreDtype = Literal["float16", "float32"]


@dataclass(frozen=True)
class Shard:
    """A run of words of one split.

    Attributes:
        split: the split.
        number: counted from 0 within the split.
        start, stop: positions of its first word and after its last, in the split.
    """

    split: Split
    number: int
    start: int
    stop: int


@dataclass(frozen=True)
class Store:
    """One checkpoint's states of one corpus, read in one context.

    Attributes:
        folder: where the files lie.
        dim: width of a vector.
        dtype: as stored.
    """

    folder: Path
    dim: int
    dtype: StoreDtype = "float16"
    _begins: dict[Path, int] = field(default_factory=dict, repr=False, compare=False)

    @cached_property
    def _itemsize(self) -> int:
        return np.dtype(self.dtype).itemsize

    def path(self, shard: Shard, layer: int) -> Path:
        """The file of one shard at one layer."""
        return self.folder / f"{shard.split}-{shard.number:05d}-L{layer:02d}.safetensors"

    def write(self, shard: Shard, layer: int, values: np.ndarray, no_piece: list[int]) -> None:
        """Write `(words, dim)` vectors, and the positions in the shard of words that have no piece.

        Raises StoreError where the disk is full or cannot be written.
        """
        from safetensors.numpy import save_file

        values = np.ascontiguousarray(values)
        facts = {"xxh3": xxhash.xxh3_128_hexdigest(values.data), "no_piece": json.dumps(no_piece)}
        with written_whole(self.path(shard, layer)) as begun:
            save_file({"states": values}, begun, metadata=facts)

    def header(self, shard: Shard, layer: int) -> tuple[dict[str, Any], int] | None:
        """What the file says of its values, and where they begin; None where it is missing, cut or mis-shaped."""
        path = self.path(shard, layer)
        try:
            with path.open("rb") as file:
                (length,) = struct.unpack("<Q", file.read(8))
                header = json.loads(file.read(length)) if length < 1 << 20 else {}
            shape, begin = header["states"]["shape"], 8 + length
            size = self._itemsize * shape[0] * shape[1]
            whole = path.stat().st_size == begin + size and shape == [shard.stop - shard.start, self.dim]
        except (OSError, ValueError, KeyError, IndexError, TypeError, struct.error):
            return None
        return (header["__metadata__"], begin) if whole else None

    def is_whole(self, shard: Shard, layer: int) -> bool:
        """Whether the file is there and its values match their checksum."""
        found = self.header(shard, layer)
        if found is None:
            return False
        facts, begin = found
        with self.path(shard, layer).open("rb", buffering=0) as file:
            file.seek(begin)
            return _checksum(file) == facts.get("xxh3")

    def read_into(self, out: np.ndarray, shard: Shard, layer: int, start: int, stop: int) -> None:
        """Read words `start` to `stop` (positions in the split) into `out`, `(stop - start, dim)`.

        Plain positioned reads rather than a memory map: the pages stay the system's, so that a store larger
        than memory does not count towards this process.
        """
        path = self.path(shard, layer)
        row = self.dim * self._itemsize
        view = out.data.cast("B")
        with self._open(path, shard, layer) as file:
            offset = self._begins[path] + (start - shard.start) * row
            while view.nbytes:
                n = os.preadv(file.fileno(), [view], offset)
                if n == 0:
                    raise StoreError(f"states were cut while they were read: {path}; run it again")
                view, offset = view[n:], offset + n

    def _open(self, path: Path, shard: Shard, layer: int) -> BinaryIO:
        if path not in self._begins:
            found = self.header(shard, layer)
            if found is None:
                raise StoreError(f"states went missing while they were read: {path}; run it again")
            self._begins[path] = found[1]
        try:
            return path.open("rb", buffering=0)
        except OSError as error:
            raise StoreError(f"states went missing while they were read: {path}; run it again") from error


def store_of(manifest: dict[str, Any]) -> Path:
    """The folder of what `manifest` describes, there or not: the same description is the same folder."""
    return states_root() / hashlib.sha256(_text(manifest).encode()).hexdigest()[:24]


def _text(manifest: dict[str, Any]) -> str:
    return json.dumps({"format": FORMAT, **manifest}, sort_keys=True, indent=1)


def open_store(manifest: dict[str, Any], dim: int, dtype: StoreDtype) -> Store:
    """The store of what `manifest` describes, made where it is not there yet."""
    folder, text = store_of(manifest), _text(manifest)
    if not (folder / "manifest.json").is_file():
        with written_whole(folder / "manifest.json") as begun:
            begun.write_text(text, encoding="utf-8")
    for left in folder.glob(".*.part"):  # a killed run's; a living one renames its files within seconds
        if time.time() - left.stat().st_mtime > STALE:
            left.unlink(missing_ok=True)
    return Store(folder, dim, dtype)


def states_root() -> Path:
    """The folder all stores lie in."""
    return cache.root() / "states"


@contextmanager
def written_whole(path: Path) -> Iterator[Path]:
    """A name of this process's own to write to, renamed to `path` at the end: others see all of it or none.

    Raises StoreError where writing fails; what was begun is removed.
    """
    begun = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield begun
        begun.replace(path)
    except (OSError, SafetensorError) as error:
        begun.unlink(missing_ok=True)
        reason = getattr(error, "strerror", None) or error
        raise StoreError(
            f"cannot write {path}: {reason}. Free some space ('probekit cache' lists what can go), or set "
            "PROBEKIT_CACHE to a folder on another disk; what is finished will be reused"
        ) from error


@dataclass(frozen=True)
class StoreEntry:
    """A store as `probekit cache` lists it.

    Attributes:
        folder: where it lies.
        manifest: what it is of.
        files: shard files.
        size: bytes of all files.
        used: time of the latest write, in seconds since 1970.
    """

    folder: Path
    manifest: dict[str, Any]
    files: int
    size: int
    used: float

    def damaged(self) -> list[Path]:
        """Files whose values do not match their checksum."""
        return [path for path in sorted(self.folder.glob("*.safetensors")) if not _matches_itself(path)]

    def remove(self) -> None:
        """Delete the store."""
        shutil.rmtree(self.folder)


def entries() -> Iterator[StoreEntry]:
    """Every store in the cache, the latest used last."""
    found = []
    for manifest in states_root().glob("*/manifest.json"):
        files = list(manifest.parent.glob("*.safetensors"))
        stats = [path.stat() for path in [manifest, *files]]
        found.append(
            StoreEntry(
                folder=manifest.parent,
                manifest=json.loads(manifest.read_text()),
                files=len(files),
                size=sum(stat.st_size for stat in stats),
                used=max(stat.st_mtime for stat in stats),
            )
        )
    yield from sorted(found, key=lambda entry: entry.used)


def _matches_itself(path: Path) -> bool:
    try:
        with path.open("rb", buffering=0) as file:
            (length,) = struct.unpack("<Q", file.read(8))
            facts = json.loads(file.read(length))["__metadata__"]
            return bool(_checksum(file) == facts["xxh3"])
    except (OSError, ValueError, KeyError, struct.error, MemoryError, OverflowError):
        return False


def _checksum(file: BinaryIO) -> str:
    """xxh3-128 of the rest of a file."""
    digest = xxhash.xxh3_128()
    block = memoryview(bytearray(1 << 20))  # used again and again, and small enough to stay in a core's cache
    while n := file.readinto(block):  # type: ignore[attr-defined]
        digest.update(block[:n])
    return digest.hexdigest()
