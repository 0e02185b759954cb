"""Rows of words in CSV: one word per row, with a blank row or another sentence's id between
sentences."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain
from pathlib import Path
from typing import Any

from probekit.corpora.readers.delimited_columns import WordColumns
from probekit.corpora.readers.delimited_file import Row, read_header, read_rows
from probekit.corpora.readers.ignored import from_texts
from probekit.corpora.readers.rows import Rows
from probekit.errors import CorpusError

LONGEST = 1_000  # most words of a sentence where nothing shows that sentences are told apart


def read_words(path: Path, columns: WordColumns) -> Rows:
    """One row per sentence, with a list of words and lists of labels.

    Raises:
        CorpusError: with the line, for a file that is not CSV, a row without one cell for each
            column, and for words that nothing divides into sentences.
    """
    header = read_header(path)
    sentences = _sentences(path, header, columns)
    lines = [rows[0].line for rows in sentences]
    if not columns.sentence and len(sentences) == 1 and len(sentences[0]) > LONGEST:
        raise CorpusError(
            f"{path}: one sentence of {len(sentences[0]):,} words: put a blank line after each "
            "sentence, or add a column 'sentence_id'"
        )
    found: dict[str, list[Any]] = {}
    for number, column in enumerate(header):
        if not column or column == columns.sentence:
            continue
        cells = [_column(rows, number) for rows in sentences]
        if column == columns.document:
            found[column] = [one[0] for one in cells]
        elif column == columns.word:
            found[column] = cells
        else:
            labels = from_texts(set(chain.from_iterable(cells)))
            found[column] = [list(map(labels.__getitem__, one)) for one in cells]
    return Rows(found, {}, lambda i: f"{path}:{lines[i]}")


def _column(rows: Sequence[Row], number: int) -> list[str]:
    """The cells of one column, without spaces around them."""
    return [row.cells[number].strip() for row in rows]


def _sentences(path: Path, header: list[str], columns: WordColumns) -> list[list[Row]]:
    """The rows of each sentence. An empty id continues the sentence before it."""
    rows = read_rows(path)
    next(rows)
    at = header.index(columns.sentence) if columns.sentence else -1
    found: list[list[Row]] = []
    begins, current = True, ""
    for row in rows:
        if row.is_blank:
            begins = True
            continue
        if len(row.cells) != len(header):
            raise CorpusError(
                f"{path}:{row.line}: {len(row.cells)} cells, but the file has {len(header)} columns"
            )
        name = row.cells[at].strip() if at >= 0 else ""
        if begins or (name and name != current):
            found.append([])
        begins, current = False, name or current
        found[-1].append(row)
    return found
