"""Store: hidden states in a place, one safetensors file per shard and layer.

    PLACE/KEY/manifest.json                  fingerprints and conventions of these states
    PLACE/KEY/train-00003-L05.safetensors    shard 3 of train at layer 5: (words, dim)

A place is a folder of the cache, or what `PROBEKIT_STATES` names (see `places`). A shard is a run
of whole reading units, so that its words are consecutive (see `shard`). A file that exists is
complete.
"""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np

from probekit.errors import StoreError
from probekit.places.place import Located, Place, read
from probekit.places.states import place_of_states
from probekit.states.shard import Header, Shard, header_of, matches, read_header

FORMAT = 3
MANIFEST = "manifest.json"
LONGEST_MANIFEST = 1 << 20  # bytes
StoreDtype = Literal["float16", "float32"]


@dataclass(frozen=True)
class Store:
    """The states of one corpus in one context, computed by one checkpoint.

    Attributes:
        place: where the files lie.
        dim: width of a vector.
        dtype: type of the stored values.
        manifest: text of the manifest.
    """

    place: Place
    dim: int
    dtype: StoreDtype = "float16"
    manifest: str = field(default="", repr=False)
    _begins: dict[str, int] = field(default_factory=dict, repr=False, compare=False)

    def path(self, shard: Shard, layer: int) -> Located:
        """The file of one shard at one layer: a path, or what stands for a URL."""
        return self.place.at(name_of(shard, layer))

    def write(self, shard: Shard, layer: int, values: np.ndarray, no_subword: list[int]) -> None:
        """Write the vectors of a shard at one layer.

        Args:
            shard: the shard.
            layer: number of the layer.
            values: `(words, dim)`.
            no_subword: positions in the shard of the words without a subword.

        Raises StoreError where the place is full or cannot be written.
        """
        name = name_of(shard, layer)
        values = np.ascontiguousarray(values)
        self.place.put(name, header_of(self.place.name, name, values, no_subword), values.data)
        if not self.place.at(MANIFEST).exists():  # it was pruned meanwhile
            self.place.put(MANIFEST, self.manifest.encode())

    def header(self, shard: Shard, layer: int) -> Header | None:
        """The header of the file; None where it is missing, cut, damaged, or of another shard.

        Raises StoreError where the file exists and cannot be read.
        """
        name = name_of(shard, layer)
        try:
            with self.place.open(name) as file:
                found = read_header(self.place.name, name, file)
        except FileNotFoundError:
            return None
        return found if found is not None and self._fits(found, shard) else None

    def is_whole(self, shard: Shard, layer: int) -> bool:
        """Whether the file exists, is of this shard and layer, and matches its checksums.

        Raises StoreError where the file exists and cannot be read.
        """
        name = name_of(shard, layer)
        try:
            with self.place.open(name) as file:
                found = read_header(self.place.name, name, file)
                return found is not None and self._fits(found, shard) and matches(found, file)
        except FileNotFoundError:
            return False

    def _fits(self, header: Header, shard: Shard) -> bool:
        n_words = shard.stop - shard.start
        for row in header.no_subword:
            if not isinstance(row, int) or not 0 <= row < n_words:
                return False
        return header.shape == (n_words, self.dim) and header.dtype == np.dtype(self.dtype)

    def read_into(self, out: np.ndarray, shard: Shard, layer: int, start: int, stop: int) -> None:
        """Read the words from `start` up to `stop` (positions in the split) into `out`,
        `(stop - start, dim)`.

        Only the bytes of these words are read.
        """
        name = name_of(shard, layer)
        row = self.dim * np.dtype(self.dtype).itemsize
        view = out.data.cast("B")
        try:
            if name not in self._begins:
                found = self.header(shard, layer)
                if found is None:
                    raise FileNotFoundError
                self._begins[name] = found.begin
            with self.place.open(name) as file:
                n = file.read_into(view, self._begins[name] + (start - shard.start) * row)
        except FileNotFoundError as error:
            raise StoreError(went_missing(self.place.at(name))) from error
        if n < view.nbytes:
            raise StoreError(
                f"a file of states was cut while it was read: {self.place.at(name)}; run it again"
            )


def name_of(shard: Shard, layer: int) -> str:
    """The name of the file of one shard at one layer."""
    return f"{shard.split}-{shard.number:05d}-L{layer:02d}.safetensors"


def went_missing(path: Located) -> str:
    """The message for a file that existed before."""
    return f"states went missing while they were read: {path}; run it again"


def store_of(manifest: dict[str, Any]) -> Place:
    """The place of the states that `manifest` describes, whether it exists or not.

    Equal manifests have the same place.
    """
    return place_of_states().inside(key_of(_text(manifest).encode()))


def is_key(name: str) -> bool:
    """Whether a folder of this name may be a store."""
    return re.fullmatch("[0-9a-f]{24}", name) is not None


def key_of(text: bytes) -> str:
    """The name of a store, from the text of its manifest."""
    return hashlib.sha256(text).hexdigest()[:24]


def _text(manifest: dict[str, Any]) -> str:
    return json.dumps({"format": FORMAT, **manifest}, sort_keys=True, indent=1)


def open_store(manifest: dict[str, Any], dim: int, dtype: StoreDtype) -> Store:
    """The store of the states that `manifest` describes, created where it does not exist.

    Raises StoreError where it cannot be created, is a link, or belongs to another user and the
    cache is not shared.
    """
    place, text = store_of(manifest), _text(manifest)
    place.check()
    try:
        existing = read(place, MANIFEST, LONGEST_MANIFEST)
    except FileNotFoundError:
        existing = b""
    if existing != text.encode():  # missing or damaged
        place.put(MANIFEST, text.encode())
    place.tidy()
    return Store(place, dim, dtype, text)
