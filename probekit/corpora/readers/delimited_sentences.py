"""Rows of sentences in CSV: a text, and labels of it or of spans of it.

Words are what spaces separate. Rows with one text, in one document, are one passage. A label of a
whole sentence is a span over all of its words.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from probekit.corpora.passage import Edge, Passage, Span
from probekit.corpora.passages import Passages
from probekit.corpora.readers.delimited_columns import SentenceColumns
from probekit.corpora.readers.delimited_file import read_rows
from probekit.corpora.readers.ignored import IGNORED_LABELS, NO_VALUE, from_texts, is_ignored
from probekit.corpora.readers.masks import without_masked
from probekit.corpora.readers.reading import Tally

BAD_ROW = "rows are left out: they do not have one cell for each column"
NO_TEXT = "rows are left out: they have no words"
BAD_SPAN = "labels are left out: a span is not [first, after the last] within its text"
REPEATED = "rows repeat the text of another row: they are one sentence, with the label of each row"
WIDENED = "spans begin or end inside a word, and take the whole word"

_WORD = re.compile(r"\S+")
_NUMBER = re.compile(r"[0-9]{1,9}")


@dataclass
class _Sentence:
    """A text with its labels.

    Attributes:
        line: where it occurs first.
        document: the document; empty for one of its own.
        words: `(start, end)` of each word in the text, in characters.
        edges: labelled spans of words, by annotation.
    """

    line: int
    document: str
    text: str
    words: list[Span]
    edges: dict[str, list[Edge]] = field(default_factory=dict)


def read_sentences(path: Path, tally: Tally, *, columns: SentenceColumns) -> Passages:
    """The texts of one file. Masked ones are left out and counted.

    Raises:
        CorpusError: with the line, for a file that is not CSV.
    """
    rows = _rows(path, tally)
    labels: dict[str, Mapping[str, str | int]] = {}
    for annotation, column in columns.annotations.items():
        labels[annotation] = from_texts({cells[column].strip() for _, cells in rows})
    sentences: dict[tuple[str, str], _Sentence] = {}
    for line, cells in rows:
        where = f"{path}:{line}"
        text = cells[columns.text]
        document = cells[columns.document].strip() if columns.document else ""
        words = [match.span() for match in _WORD.finditer(text)]
        if not words:
            tally.add(NO_TEXT, where)
            continue
        new = _Sentence(line, document, text, words)
        sentence = sentences.setdefault((document, text), new)
        if sentence is not new and not columns.spans:
            tally.add(REPEATED, where)
        spans = _spans(cells, sentence, columns, tally, where)
        for annotation, column in columns.annotations.items():
            edges = sentence.edges.setdefault(annotation, [])
            label = labels[annotation][cells[column].strip()]
            if is_ignored(label):
                tally.add(IGNORED_LABELS.format(column=column), where)
            elif spans and label not in NO_VALUE:
                edges.append(Edge(spans, str(label)))
    found = list(sentences.values())
    passages = Passages.of(_passage(sentence, path.stem) for sentence in found)
    return without_masked(passages, lambda i: f"{path}:{found[i].line}", tally)


def _rows(path: Path, tally: Tally) -> list[tuple[int, dict[str, str]]]:
    """The line and the cells by column of every row but the first that has the right number."""
    rows = read_rows(path)
    header = [cell.strip() for cell in next(rows).cells]
    found = []
    for row in rows:
        if row.is_blank:
            continue
        if len(row.cells) != len(header):
            tally.add(BAD_ROW, f"{path}:{row.line}")
            continue
        found.append((row.line, dict(zip(header, row.cells, strict=True))))
    return found


def _spans(
    cells: Mapping[str, str],
    sentence: _Sentence,
    columns: SentenceColumns,
    tally: Tally,
    where: str,
) -> tuple[Span, ...]:
    """The spans of a row, in words; empty, and counted, if one cannot be read."""
    n_words = len(sentence.words)
    if not columns.spans:
        return ((0, n_words),)
    found: list[Span] = []
    for start, end in columns.spans:
        given = cells[start].strip(), cells[end].strip()
        if not all(map(_NUMBER.fullmatch, given)):
            tally.add(BAD_SPAN, where)
            return ()
        first, last = int(given[0]), int(given[1])
        span = (first, last) if columns.in_words else _in_words(sentence, first, last)
        if span is None or not 0 <= span[0] < span[1] <= n_words:
            tally.add(BAD_SPAN, where)
            return ()
        if not columns.in_words and _cuts(sentence, first, last):
            tally.add(WIDENED, where)
        found.append(span)
    return tuple(found)


def _in_words(sentence: _Sentence, start: int, end: int) -> Span | None:
    """The words that a span of characters covers at least partly; None if there are none."""
    if not 0 <= start < end <= len(sentence.text):
        return None
    covered = [i for i, (a, b) in enumerate(sentence.words) if a < end and start < b]
    return (covered[0], covered[-1] + 1) if covered else None


def _cuts(sentence: _Sentence, start: int, end: int) -> bool:
    """Whether a span of characters begins or ends inside a word."""
    return any(a < place < b for a, b in sentence.words for place in (start, end))


def _passage(sentence: _Sentence, stem: str) -> Passage:
    name = f"{stem}-{sentence.line}"
    words = tuple(sentence.text[start:end] for start, end in sentence.words)
    edges = {annotation: tuple(found) for annotation, found in sentence.edges.items()}
    return Passage(name, sentence.document or name, words, {}, edges)
