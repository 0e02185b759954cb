"""Minimal pairs as JSON lines: two sentences, the first acceptable and the second not, as BLiMP has
them.

    {"sentence_good": "These cats purr.", "sentence_bad": "These cats purrs.", "UID": "agreement"}

Words are split by spaces. A passage has the words of the good sentence, and two annotations of the
whole sentence: `pairs`, which is the bad one, and `paradigm`, from `UID`, where the line has one.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from probekit.corpora.passage import Edge, Passage
from probekit.corpora.passages import Passages
from probekit.corpora.readers.reading import Material, Reading, Tally, read_files, read_lines
from probekit.errors import CorpusError
from probekit.foreign import json_value

GOOD, BAD, PARADIGM = "sentence_good", "sentence_bad", "UID"


def read(material: Material) -> Reading:
    """Read every split of a set of minimal pairs.

    Raises:
        CorpusError: with file and line, for a line that has not two different sentences.
    """
    return read_files(material, read_file)


def read_file(path: Path, tally: Tally) -> Passages:
    """The pairs of one file."""
    return Passages.of(_passages(path))


def _passages(path: Path) -> Iterator[Passage]:
    for number, line in enumerate(read_lines(path), 1):
        if line and not line.isspace():
            yield _passage(line, f"{path}:{number}", path.stem, number)


def _passage(line: str, where: str, stem: str, number: int) -> Passage:
    expected = f"expected an object with two sentences, '{GOOD}' and '{BAD}'"
    try:
        record = json_value(line)
    except ValueError as error:
        raise CorpusError(f"{where}: {error}; {expected}") from error
    good, bad = _words(record, GOOD), _words(record, BAD)
    if not good or not bad:
        raise CorpusError(f"{where}: {expected}")
    if good == bad:
        raise CorpusError(f"{where}: the two sentences of the pair are equal: delete the line")
    whole = ((0, len(good)),)
    edges = {"pairs": (Edge(whole, " ".join(bad)),)}
    paradigm = record.get(PARADIGM)
    if isinstance(paradigm, str) and paradigm:
        edges["paradigm"] = (Edge(whole, paradigm),)
    return Passage(f"{stem}-{number}", stem, good, {}, edges)


def _words(record: Any, key: str) -> tuple[str, ...]:
    text = record.get(key) if isinstance(record, dict) else None
    return tuple(text.split()) if isinstance(text, str) else ()
