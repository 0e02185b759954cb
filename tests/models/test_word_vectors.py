"""Files of word vectors: headers and lines are checked, and words may contain spaces."""

from __future__ import annotations

import gzip
import struct
from pathlib import Path

import numpy as np
import pytest

from probekit.errors import ModelError
from probekit.models import word_vectors
from probekit.models.word_vectors import read_vectors

GOOD = b"the 0.1 0.2 0.3\ncat 1 2 3\n"


def fasttext(words: int = 2, width: int = 3, rows: int = 2, labels: int = 0) -> bytes:
    """The beginning of a file of fastText, with two words."""
    header = struct.pack("<2i12id", 793712314, 12, width, *[1] * 11, 0.1)
    vocabulary = b"".join(word + b"\0" + struct.pack("<qb", 5, 0) for word in (b"the", b"cat"))
    sizes = struct.pack("<3i2q", words, words, labels, 10, -1)
    return header + sizes + vocabulary + struct.pack("<?2q", False, rows, width) + b"\0" * 24


BAD: dict[str, tuple[str, bytes, str]] = {
    "empty": ("a.vec", b"", "is empty"),
    "blank": ("a.vec", b"\n \n", "line 1 is not a word"),
    "no numbers": (
        "a.vec",
        b"this is not\na file of numbers at all\n",
        "line 1 is not a word with its numbers",
    ),
    "one number": ("a.vec", b"3 3\n" + GOOD + b"dog 0.5\n", "line 4 has 1 numbers, not 3"),
    "no number at all": ("a.vec", b"3 3\n" + GOOD + b"dog\n", "line 4 has 0 numbers"),
    "a number too few": (
        "a.txt",
        GOOD * 60 + b"dog 0.5 0.5\n",
        "line 121 has 2 numbers, not 3",
    ),
    "a word among them": ("a.txt", GOOD * 60 + b"dog 0.5 x 0.5\n", "line 121: 'x' is not a number"),
    "nan": ("a.txt", GOOD + b"dog 1 nan 3\n", "line 3 has values that are not numbers"),
    "too large": ("a.txt", GOOD + b"dog 1 1e300 3\n", "line 3 has values that are not numbers"),
    "promises much": ("a.vec", b"1000000000 1000000\nthe 0.1\n", "vectors of 1,000,000 numbers"),
    "promises words": ("a.vec", b"1000000000 300\nthe 0.1\n", "too small for that"),
    "promises a word": (
        "a.vec",
        b"3 3\n" + GOOD,
        "ends after 2 words, and its first line promises 3",
    ),
    "width 0": ("a.vec", b"2 0\nthe\ncat\n", "vectors of 0 numbers"),
    "many digits": ("a.vec", b"9" * 5000 + b" 3\n" + GOOD, "line 1 has 1 numbers, not 3"),
    "other digits": ("a.vec", "² 3\n".encode() + GOOD, "line 1 has 1 numbers, not 3"),
    "binary: promises": ("a.bin", b"1000000000 300\nthe \0\0", "too small for that"),
    "binary: no promise": ("a.bin", b"\0" * 100, "does not hold the numbers of words"),
    "binary: cut": (
        "a.bin",
        b"2 3\nthe " + b"\0" * 12 + b"cat \0\0\0\0\0\0",
        "ends within word 2 of 2",
    ),
    "binary: endless word": ("a.bin", b"2 3\n" + b"x" * 10_000, "longer than 4,096 bytes"),
    "binary: nan": ("a.bin", b"1 3\nthe " + np.full(3, np.nan, "<f4").tobytes(), "not numbers"),
    "fasttext: cut header": ("a.bin", fasttext()[:40], "ends within its header"),
    "fasttext: cut words": ("a.bin", fasttext()[:100], "ends within"),
    "fasttext: promises words": ("a.bin", fasttext(words=2_000_000_000), "too small for that"),
    "fasttext: negative": ("a.bin", fasttext(words=-3), "matrix|rows|words"),
    "fasttext: width": ("a.bin", fasttext(width=2_000_000_000), "vectors of 2,000,000,000"),
    "fasttext: matrix": ("a.bin", fasttext(rows=1 << 60), "too small for that"),
    "fasttext: supervised": ("a.bin", fasttext(labels=3), "supervised"),
    "no gzip": ("a.vec.gz", GOOD, "cannot be read"),
    "cut gzip": ("a.vec.gz", gzip.compress(GOOD * 1000)[:-20], "damaged"),
    "damaged gzip": ("a.vec.gz", gzip.compress(GOOD)[:12] + b"\xff" * 40, "damaged|cannot be read"),
    "gzip: promises": (
        "a.vec.gz",
        gzip.compress(b"1000000000 300\nthe 0.1\n"),
        "too small for that",
    ),
}


@pytest.mark.parametrize(("file", "content", "message"), BAD.values(), ids=BAD)
def test_bad_files_end_in_a_line(file: str, content: bytes, message: str, tmp_path: Path) -> None:
    (tmp_path / file).write_bytes(content)
    with pytest.raises(ModelError, match=message) as caught:
        read_vectors(tmp_path / file, file)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 300


def test_a_line_has_a_bound(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(word_vectors, "_LONGEST_LINE", 1000)
    (tmp_path / "a.vec").write_bytes(GOOD + b"dog " + b"1 " * 2000)
    with pytest.raises(ModelError, match=r"line 3 is longer than 1,000 bytes"):
        read_vectors(tmp_path / "a.vec", "a.vec")


WORDS = ("the", ". . .", "at name@domain.com", "1 2", "x\u00a0y")


@pytest.mark.parametrize("header", [False, True])
@pytest.mark.parametrize("packed", [False, True])
def test_words_with_spaces(header: bool, packed: bool, tmp_path: Path) -> None:
    values = np.random.default_rng(0).normal(size=(len(WORDS), 20)).round(5)
    lines = [
        f"{word} {' '.join(map(str, row))}"
        for word, row in zip(WORDS, values.tolist(), strict=True)
    ]
    text = "\n".join([*([f"{len(WORDS)} 20"] if header else []), *lines, ""]).encode()
    path = tmp_path / ("a.txt.gz" if packed else "a.txt")
    path.write_bytes(gzip.compress(text) if packed else text)
    found = read_vectors(path, "a")
    assert found.vector_size == 20
    for word, row in zip(WORDS, values, strict=True):
        np.testing.assert_allclose(found[word], row, rtol=1e-6)
    assert "at" not in found


def test_a_file_as_glove_840b_is() -> None:
    path = Path(__file__).parents[2].parent / "shared/cases/vectors-with-spaces/glove.txt"
    if not path.is_file():
        pytest.skip(f"there is no {path.name}, which is not part of the project")
    found = read_vectors(path, "glove.txt")
    lines = path.read_text().splitlines()
    assert len(lines) == len(found) == 22  # type: ignore[arg-type]
    for line in lines:
        fields = line.split(" ")
        np.testing.assert_allclose(
            found[" ".join(fields[:-20])], [float(field) for field in fields[-20:]], rtol=1e-6
        )


def test_of_a_word_that_is_there_twice_the_first_vector_is_taken(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes(GOOD + b"the 7 7 7\n")
    np.testing.assert_allclose(
        read_vectors(tmp_path / "a.txt", "a")["the"], [0.1, 0.2, 0.3], rtol=1e-6
    )


def test_more_words_than_one_block(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(word_vectors, "_BLOCK", 4)
    (tmp_path / "a.txt").write_text("".join(f"w{i} {i} {-i}\n" for i in range(11)))
    found = read_vectors(tmp_path / "a.txt", "a")
    assert [found[f"w{i}"].tolist() for i in range(11)] == [[i, -i] for i in range(11)]
