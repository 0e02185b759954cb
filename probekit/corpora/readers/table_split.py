"""Table split: the rows of a split of a table, as words and the labels of columns."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from probekit.corpora.readers.labels import Row, labels_of
from probekit.corpora.readers.reading import Material
from probekit.corpora.readers.rows import Rows
from probekit.errors import CorpusError
from probekit.foreign import shortened

WORDS = ("tokens", "words", "form", "forms", "token")
FORM = (
    "expected one row per sentence, with a list of words and lists of as many labels, such as "
    '{"tokens": ["a", "dog"], "tags": ["DET", "NOUN"]}'
)
SHOWN = 20  # most columns in a message


@dataclass
class TableSplit:
    """The rows of a split.

    Attributes:
        rows: the table.
        words: each row's words; None if they cannot be read.
        documents: the document of each row; empty if every row is a document.
        name: the split's name in the table.
        labels: columns that may be word annotations, row by row.
    """

    rows: Rows
    words: list[list[str] | None]
    documents: list[str]
    name: str
    labels: dict[str, list[Row]]

    def fits(self, column: str, i: int) -> bool:
        """Whether row `i` has one label per word in a column."""
        words, labels = self.words[i], self.labels.get(column)
        row = labels[i] if labels else None
        return words is not None and row is not None and len(row) == len(words)


@dataclass(frozen=True)
class _Columns:
    """The columns of words and documents; `document` is empty if every row is a document."""

    words: str
    document: str


def _columns(rows: Rows, material: Material) -> _Columns:
    """Find the columns of words and documents. Raises CorpusError if a column is missing."""
    named = dict(material.columns)
    words, document = named.pop("words", ""), named.pop("document", "")
    if not words:
        words = next((name for name in WORDS if name in rows.columns), "")
    needed = [words, *named.values()]
    if document:
        needed.append(document)
    for column in needed:
        if column not in rows.columns:
            lacking = f"column '{column}'" if column else f"column of words ({', '.join(WORDS)})"
            raise CorpusError(f"'{material.name}' has no {lacking}; {_help(rows)}")
    return _Columns(words, document)


def split_of(rows: Rows, name: str, material: Material) -> TableSplit:
    """The words of a split, and the columns that may be word annotations.

    Raises:
        CorpusError: if a column is missing, or the words are neither one list nor one text per
            sentence.
    """
    columns = _columns(rows, material)
    given = rows.columns[columns.words]
    as_text = _are_texts(given, columns.words, material.name, rows)
    labels: dict[str, list[Row]] = {}
    for column, values in rows.columns.items():
        if column not in (columns.words, columns.document):
            labels[column] = labels_of(values, rows.classes.get(column), as_text)
    documents = rows.columns[columns.document] if columns.document else []
    return TableSplit(
        rows=rows,
        words=[_words(row, as_text) for row in given],
        documents=[shortened(document, 200) for document in documents],
        name=name,
        labels=labels,
    )


def _are_texts(given: Sequence[Any], column: str, name: str, rows: Rows) -> bool:
    """Whether each row's words are one text, to be split at spaces.

    Raises:
        CorpusError: if a row is one word, or the column holds neither lists nor texts.
    """
    filled = [row for row in given if row]
    lists = sum(isinstance(row, list) and isinstance(row[0], str) for row in filled)
    texts = [row for row in filled if isinstance(row, str)]
    if filled and not lists and not texts:
        raise CorpusError(f"'{name}' has no words in column '{column}'; {_help(rows)}")
    if len(texts) <= lists:
        return False
    if 2 * sum(len(text.split()) > 1 for text in texts) < len(texts):
        example = shortened(texts[0], 40)
        raise CorpusError(
            f"'{name}' has one row per word: column '{column}' holds '{example}'; {_help(rows)}"
        )
    return True


def _words(row: Any, as_text: bool) -> list[str] | None:
    """A row's words; None if they cannot be read."""
    words = row
    if as_text and isinstance(row, str):
        words = row.split()
    if not isinstance(words, list) or not words:
        return None
    for word in words:
        if not isinstance(word, str) or not word.strip():
            return None
    return words


def _help(rows: Rows) -> str:
    return f"its columns: {listed(list(rows.columns))}; {FORM}"


def listed(names: Sequence[str]) -> str:
    """Names of columns for a message, SHOWN at most."""
    more = f" and {len(names) - SHOWN:,} more" if len(names) > SHOWN else ""
    return ", ".join(map(shortened, names[:SHOWN])) + more
