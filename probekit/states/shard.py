"""Shard: one file of the store, with the states of a run of words at one layer.

It is a safetensors file with the tensor `states`. Its metadata holds `xxh3`, the checksum of the
values; `no_subword`, the rows of words without a subword; and `seal`, the checksum of the header's
content, the store's name and the file's name. The seal of a changed header, or of a file in the
place of another, does not match.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import xxhash

from probekit.corpora.passage import Split
from probekit.places.place import Opened

LONGEST_HEADER = 1 << 26  # bytes
USUAL_HEADER = 1 << 12  # bytes that are read at once, since each read may be a request
DTYPES: dict[str, np.dtype[Any]] = {"F16": np.dtype("<f2"), "F32": np.dtype("<f4")}


@dataclass(frozen=True)
class Shard:
    """A run of words of one split.

    Attributes:
        split: the split.
        number: counted from 0 within the split.
        start, stop: position of its first word in the split, and of the word after its last.
    """

    split: Split
    number: int
    start: int
    stop: int


def joined(shards: Sequence[Shard]) -> Shard:
    """Neighbouring shards of a split as one, with the number of the first."""
    return replace(shards[0], stop=shards[-1].stop)


@dataclass(frozen=True)
class Header:
    """The header of a file.

    Attributes:
        begin: the byte at which the values begin.
        shape: shape of the values, `(words, dim)`.
        dtype: type of the values.
        no_subword: rows of words without a subword.
        xxh3: checksum of the values.
    """

    begin: int
    shape: tuple[int, int]
    dtype: np.dtype[Any]
    no_subword: tuple[int, ...]
    xxh3: str


def header_of(key: str, name: str, values: np.ndarray, no_subword: list[int]) -> bytes:
    """The bytes of the file `name` of the store `key` before `values`, `(words, dim)` and
    contiguous."""
    dtype = next(name for name, kind in DTYPES.items() if kind == values.dtype)
    metadata = {
        "no_subword": json.dumps(no_subword),
        "xxh3": xxhash.xxh3_128_hexdigest(values.data),
    }
    metadata["seal"] = _seal(key, name, dtype, list(values.shape), metadata)
    tensor = {"dtype": dtype, "shape": values.shape, "data_offsets": [0, values.nbytes]}
    text = json.dumps({"__metadata__": metadata, "states": tensor}).encode()
    text += b" " * (-len(text) % 8)  # the format requires aligned values
    return struct.pack("<Q", len(text)) + text


def read_header(key: str, name: str, file: Opened) -> Header | None:
    """The header of `file`, which is `name` of the store `key`; None where it is cut, damaged, or
    of another file.

    Raises FileNotFoundError where it is missing, and what `file` raises where it cannot be read.
    """
    size = file.size()
    start = _bytes(file, 0, min(size, USUAL_HEADER))
    if len(start) < 8:
        return None
    (length,) = struct.unpack("<Q", start[:8])
    if length > min(size, LONGEST_HEADER):
        return None
    text = start[8 : 8 + length]
    if len(text) < length:
        text += _bytes(file, len(start), length - len(text))
    try:
        return _parsed(key, name, text, size)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return None


def _bytes(file: Opened, begin: int, length: int) -> bytes:
    found = bytearray(length)
    n_bytes = file.read_into(memoryview(found), begin)
    return bytes(found[:n_bytes])


def _parsed(key: str, name: str, text: bytes, size: int) -> Header | None:
    header = json.loads(text)
    tensor, metadata = header["states"], header["__metadata__"]
    dtype = DTYPES[tensor["dtype"]]
    words, dim = (int(n) for n in tensor["shape"])
    n_bytes, begin = words * dim * dtype.itemsize, 8 + len(text)
    is_whole = (
        metadata["seal"] == _seal(key, name, tensor["dtype"], tensor["shape"], metadata)
        and tensor["data_offsets"] == [0, n_bytes]
        and size == begin + n_bytes
    )
    if not is_whole:
        return None
    no_subword = tuple(json.loads(metadata["no_subword"]))
    return Header(begin, (words, dim), dtype, no_subword, metadata["xxh3"])


def _seal(key: str, name: str, dtype: str, shape: list[int], metadata: dict[str, Any]) -> str:
    no_subword, xxh3 = metadata["no_subword"], metadata["xxh3"]
    sealed = [key, name, dtype, shape, no_subword, xxh3]
    return xxhash.xxh3_128_hexdigest(json.dumps(sealed).encode())


def matches(header: Header, file: Opened) -> bool:
    """Whether the values of `file` are those that its header was written for."""
    rows, dim = header.shape
    begin, end = header.begin, header.begin + rows * dim * header.dtype.itemsize
    digest = xxhash.xxh3_128()
    block = memoryview(bytearray(min(file.at_once, end - begin)))  # one buffer for all reads
    while begin < end:
        n = file.read_into(block[: end - begin], begin)
        if n == 0:
            return False  # cut meanwhile
        digest.update(block[:n])
        begin += n
    return digest.hexdigest() == header.xxh3


def matches_itself(key: str, name: str, file: Opened) -> bool:
    """Whether the values and the header of `file`, which is `name` of the store `key`, are as
    written.

    Raises what `read_header` raises.
    """
    header = read_header(key, name, file)
    return header is not None and matches(header, file)
