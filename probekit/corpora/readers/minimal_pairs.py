"""Minimal pairs as JSON lines: two sentences, the first acceptable and the second not, as BLiMP has
them. A pair of equal sentences is left out, and counted.

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

EQUAL = "pairs are left out: their two sentences are equal"
GOOD, BAD, PARADIGM = "sentence_good", "sentence_bad", "UID"


def read(material: Material) -> Reading:
    """Read every split of a set of minimal pairs.

    Raises:
        CorpusError: with file and line, for a line without two sentences.
    """
    return read_files(material, read_file)


def read_file(path: Path, tally: Tally) -> Passages:
    """The pairs of one file."""
    return Passages.of(_passages(path, tally))


def _passages(path: Path, tally: Tally) -> Iterator[Passage]:
    for number, line in enumerate(read_lines(path), 1):
        if not line or line.isspace():
            continue
        where = f"{path}:{number}"
        passage = _passage(line, where, path.stem, number)
        if passage is None:
            tally.add(EQUAL, where)
        else:
            yield passage


def _passage(line: str, where: str, stem: str, number: int) -> Passage | None:
    """The pair of a line; None where its sentences are equal."""
    expected = f"expected an object with two sentences, '{GOOD}' and '{BAD}'"
    try:
        record = json_value(line)
    except ValueError as error:
        raise CorpusError(f"{where}: {error}; {expected}") from error
    good, bad = _words(record, GOOD), _words(record, BAD)
    if not good or not bad:
        raise CorpusError(f"{where}: {expected}")
    if good == bad:
        return None
    whole = ((0, len(good)),)
    edges = {"pairs": (Edge(whole, " ".join(bad)),)}
    paradigm = record.get(PARADIGM)
    if isinstance(paradigm, str) and paradigm:
        edges["paradigm"] = (Edge(whole, paradigm),)
    return Passage(f"{stem}-{number}", stem, good, {}, edges)


def _words(record: Any, key: str) -> tuple[str, ...]:
    text = record.get(key) if isinstance(record, dict) else None
    return tuple(text.split()) if isinstance(text, str) else ()
