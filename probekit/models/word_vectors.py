"""Word vectors: files of them, as text (GloVe, fastText's `.vec`, word2vec) and in binary form
(word2vec, fastText).

The numbers of words and columns that a file promises are compared with its size before memory is
allocated.
"""

from __future__ import annotations

import gzip
import struct
import zlib
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import chain, islice
from pathlib import Path
from typing import Any, BinaryIO, Protocol

import numpy as np

from probekit.errors import InputError, ModelError
from probekit.whole import reason

SUFFIXES = (".vec", ".txt", ".bin", ".gz")
WIDEST = 1 << 16  # numbers of a vector
_LONGEST_LINE = WIDEST * 32  # bytes, of text
_LONGEST_WORD = 1 << 12  # bytes, in a binary file
_FIRST_LINES = 100  # these decide the width where the file has no header
_BLOCK = 1 << 14  # words per array of vectors
_CHUNK = 1 << 20  # bytes
_MAX_EXPANSION = 1_032  # bytes that one byte of a gzip file can hold
_FASTTEXT = b"\xba\x16\x4f\x2f"  # the first bytes of fastText's own files


class Vectors(Protocol):
    """Word vectors by word."""

    vector_size: int

    def __contains__(self, word: str) -> bool:
        """Whether there is a vector for `word`."""

    def __getitem__(self, word: str) -> np.ndarray:
        """Its vector, `(vector_size,)`."""


class Table:
    """The vectors of the words of a file; a repeated word has its first vector."""

    def __init__(self, width: int) -> None:
        self.vector_size = width
        self._rows: dict[str, int] = {}
        self._blocks: list[np.ndarray] = []

    def __len__(self) -> int:
        return len(self._rows)

    def __contains__(self, word: str) -> bool:
        return word in self._rows

    def __getitem__(self, word: str) -> np.ndarray:
        block, row = divmod(self._rows[word], _BLOCK)
        return np.asarray(self._blocks[block][row])

    def add(self, word: str, vector: np.ndarray) -> None:
        """Add the vector of a word, unless the word has one."""
        if word in self._rows:
            return
        block, row = divmod(len(self._rows), _BLOCK)
        if block == len(self._blocks):
            self._blocks.append(np.empty((_BLOCK, self.vector_size), dtype=np.float32))
        self._blocks[block][row] = vector
        self._rows[word] = block * _BLOCK + row


class _Malformed(Exception):
    """A file is malformed: what is wrong, and where."""


def read_vectors(path: Path, name: str) -> Vectors:
    """The word vectors of a file.

    Args:
        path: the file; its first bytes and its suffix decide its format.
        name: name of the file in messages.

    Raises ModelError, with the line or word, for a file that is malformed or holds less than it
    promises; InputError where gensim is needed and not installed.
    """
    try:
        with _open(path) as file:
            beginning = file.read(len(_FASTTEXT))
        if not beginning:
            raise ModelError(f"'{name}' is empty")
        if beginning == _FASTTEXT:
            return _fasttext(path)
        with _open(path) as file:
            if path.name.endswith((".bin", ".bin.gz")):
                return _binary(file, _max_bytes(path))
            return _text(file, _max_bytes(path))
    except _Malformed as problem:
        raise ModelError(f"'{name}' holds no word vectors that can be read: {problem}") from problem
    except OSError as error:
        raise ModelError(f"'{name}' cannot be read: {reason(error)}") from error
    except (EOFError, zlib.error) as error:
        raise ModelError(f"'{name}' is damaged: {error}") from error


def _open(path: Path) -> Any:
    return gzip.open(path, "rb") if path.suffix == ".gz" else path.open("rb")


def _max_bytes(path: Path) -> int:
    """The largest possible size of a file in bytes, unpacked."""
    size = path.stat().st_size
    return size * _MAX_EXPANSION if path.suffix == ".gz" else size


def _text(file: BinaryIO, size: int) -> Table:
    """A file with one word per line, followed by its numbers, separated by single spaces.

    A word may contain spaces. The first line may hold the numbers of words and columns.
    """
    lines = _lines(file)
    first = list(islice(lines, _FIRST_LINES))
    promised = _promise(first[0][1]) if first else None
    if promised:
        words, width = promised
        _require(words, width, words * (2 * width + 1), size)  # a number is a digit and a space
        first = first[1:]
    else:
        words, width = 0, _width(first)
        _require(words, width, 0, size)
    table, found = Table(width), 0
    for number, line in chain(first, lines):
        word, vector = _word_and_vector(number, line, width)
        table.add(word, vector)
        found += 1
    if found < words:
        raise _Malformed(f"it ends after {found:,} words, and its first line promises {words:,}")
    return table


def _lines(file: BinaryIO) -> Iterator[tuple[int, bytes]]:
    """The numbers and contents of the lines that are not empty."""
    number = 0
    while line := file.readline(_LONGEST_LINE + 1):
        number += 1
        if len(line) > _LONGEST_LINE:
            raise _Malformed(f"line {number} is longer than {_LONGEST_LINE:,} bytes")
        if line := line.rstrip(b" \t\r\n"):
            yield number, line


def _promise(line: bytes) -> tuple[int, int] | None:
    """The numbers of words and columns, where a line is such a header."""
    parts = line.split()
    if len(parts) != 2:
        return None
    for part in parts:
        if not part.isdigit() or len(part) > 18:
            return None
    words, width = parts
    return int(words), int(width)


def _require(words: int, width: int, needed: int, size: int) -> None:
    """Raise _Malformed where a file of `size` bytes, unpacked, cannot hold what it promises."""
    if not 0 < width <= WIDEST:
        raise _Malformed(f"vectors of {width:,} numbers: 1 to {WIDEST:,} are read")
    if needed > size:
        raise _Malformed(
            f"it promises {words:,} words of {width:,} numbers each, and is too small for that"
        )


def _width(lines: Sequence[tuple[int, bytes]]) -> int:
    """The number of columns: how many numbers most lines end in.

    A word that ends in a number itself has one more.
    """
    counts = Counter(_numbers_at_end(line) for _, line in lines)
    width = max(sorted(counts), key=lambda count: counts[count], default=0)
    if not width:
        number = next((number for number, line in lines if not _numbers_at_end(line)), 1)
        raise _Malformed(f"line {number} is not a word with its numbers")
    return width


def _numbers_at_end(line: bytes) -> int:
    """How many fields at the end of a line are numbers, not counting the first field."""
    fields = line.split(b" ")[1:]
    count = 0
    while count < len(fields) and _is_number(fields[-1 - count]):
        count += 1
    return count


def _is_number(field: bytes) -> bool:
    try:
        float(field)
    except ValueError:
        return False
    return True


def _word_and_vector(number: int, line: bytes, width: int) -> tuple[str, np.ndarray]:
    word, *numbers = line.rsplit(b" ", width)
    if len(numbers) < width:
        raise _Malformed(f"line {number} has {len(numbers)} numbers, not {width}")
    try:
        with np.errstate(over="ignore"):
            vector = np.array(numbers, dtype=bytes).astype(np.float32)
    except ValueError:
        wrong = next(field for field in numbers if not _is_number(field))
        text = wrong[:40].decode(errors="replace")
        raise _Malformed(f"line {number}: '{text}' is not a number") from None
    if not np.isfinite(vector).all():
        raise _Malformed(f"line {number} has values that are not numbers (NaN or infinite)")
    return word.decode(errors="replace"), vector


class _Source:
    """A file of bytes, read in chunks."""

    def __init__(self, file: BinaryIO, what: str) -> None:
        self._file, self._buffer, self._start, self.what = file, b"", 0, what

    def take(self, count: int) -> bytes:
        """The next `count` bytes."""
        while len(self._buffer) - self._start < count:
            self._fill()
        self._start += count
        return self._buffer[self._start - count : self._start]

    def until(self, end: bytes) -> bytes:
        """The bytes before the next `end`, which is skipped."""
        while (found := self._buffer.find(end, self._start, self._start + _LONGEST_WORD)) < 0:
            if len(self._buffer) - self._start >= _LONGEST_WORD:
                raise _Malformed(f"{self.what} is longer than {_LONGEST_WORD:,} bytes")
            self._fill()
        word = self._buffer[self._start : found]
        self._start = found + len(end)
        return word

    def _fill(self) -> None:
        more = self._file.read(_CHUNK)
        if not more:
            raise _Malformed(f"it ends within {self.what}")
        self._buffer, self._start = self._buffer[self._start :] + more, 0


def _binary(file: BinaryIO, size: int) -> Table:
    """A binary file of word2vec: a header, then each word, a space and its numbers as float32."""
    promised = _promise(file.readline(64))
    if promised is None:
        raise _Malformed("its first line does not hold the numbers of words and columns")
    words, width = promised
    _require(words, width, words * (4 * width + 1), size)
    table, source = Table(width), _Source(file, "word 1")
    for number in range(1, words + 1):
        source.what = f"word {number:,} of {words:,}"
        word = source.until(b" ").lstrip(b"\n").decode(errors="replace")
        vector = np.frombuffer(source.take(4 * width), dtype="<f4")
        if not np.isfinite(vector).all():
            raise _Malformed(f"{source.what} has values that are not numbers (NaN or infinite)")
        table.add(word, vector)
    return table


def _fasttext(path: Path) -> Vectors:
    """A file of fastText's own format, which makes vectors of unseen words from their parts."""
    try:
        from gensim.models.fasttext import load_facebook_vectors
    except ImportError as error:
        raise InputError(
            "fastText's .bin files need gensim: pip install 'probekit-nlp[static]'"
        ) from error
    with _open(path) as file:
        _require_fasttext(_Source(file, "its header"), _max_bytes(path))
    try:
        vectors: Vectors = load_facebook_vectors(path)
    except Exception as error:  # assertions, and errors of struct and numpy
        raise _Malformed(f"gensim reports: {error}") from error
    return vectors


def _require_fasttext(source: _Source, size: int) -> None:
    """Raise _Malformed where a file is shorter than it promises.

    gensim would allocate the memory first, or never return.
    """
    width = struct.unpack("<2i12id", source.take(64))[2]
    words, _, labels = struct.unpack("<3i", source.take(12))
    _, pruned = struct.unpack("<2q", source.take(16))
    if labels > 0 or pruned > 0:
        raise _Malformed("a supervised or quantised fastText model cannot be read")
    _require(words, width, words * (4 * width + 10), size)
    for number in range(1, words + 1):
        source.what = f"word {number:,} of {words:,}"
        source.until(b"\0")
        source.take(9)
    source.what = "its matrix"
    _, rows, columns = struct.unpack("<?2q", source.take(17))
    if rows < words or columns != width:
        raise _Malformed(
            f"its matrix has {rows:,} × {columns:,} numbers, and should have {words:,} or more × "
            f"{width:,}"
        )
    _require(rows, width, rows * width * 4, size)
