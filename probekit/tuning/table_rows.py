"""Table rows: what the columns of a table mean, and its rows as texts with labels."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from probekit import doors
from probekit.corpora.readers import delimited_columns
from probekit.corpora.readers.rows import Rows
from probekit.errors import InputError, unknown
from probekit.foreign import shortened

TEXTS = ("text", "sentence")
LABELS = ("label", "labels")
DOCUMENTS = delimited_columns.USUAL["document"]  # in lower case


@dataclass(frozen=True)
class Columns:
    """What the columns of a table mean.

    Attributes:
        text: the column of texts, or two columns of pairs; none for `text` or `sentence`.
        label: the column of labels; "" for `label`, None where none is read.
        regression: whether it has numbers to predict.
    """

    text: tuple[str, ...] = ()
    label: str | None = ""
    regression: bool = False

    @classmethod
    def of(cls, text: Any, label: Any, regression: Any) -> Columns:
        """From arguments of a public function. Raises InputError for others."""
        texts = [
            name for one in doors.several("text", text or [""], (str,)) for name in one.split(",")
        ]
        found = tuple(name.strip() for name in texts if name.strip())
        if len(found) > 2:
            raise InputError(f"text takes one column, or two of pairs, not {len(found)}")
        doors.of_type("label", label, str)
        doors.of_type("regression", regression, bool)
        return cls(found, label, regression)


@dataclass(frozen=True)
class Row:
    """One row of a table.

    Attributes:
        texts: one, or two of a pair.
        label: what the column of labels holds; None where none is read.
        document: its name; None where the table does not name the document of every row.
        place: where it is, for messages.
    """

    texts: tuple[str, ...]
    label: Any
    document: str | None
    place: str


def rows_of(table: Rows, columns: Columns) -> Iterator[Row]:
    """The rows of a table. Raises InputError for a missing column, and an empty text or label."""
    names, label = _texts(table, columns), _label_column(table, columns)
    for name in names:
        _require_column("text", name, table)
    if label is not None:
        _require_column("label", label, table)
    document = _document_column(table, columns)
    for i in range(len(table)):
        texts = []
        for name in names:
            text = table.columns[name][i]
            if not isinstance(text, str) or not text.strip():
                raise InputError(
                    f"{table.place(i)}: the text in '{name}' is empty: leave such rows out"
                )
            texts.append(text)
        value = None if label is None else _label(table, label, i)
        of = None if document is None else _name(table.columns[document][i])
        yield Row(tuple(texts), value, of, table.place(i))


def _document_column(table: Rows, columns: Columns) -> str | None:
    """The column of documents, where there is one that is not read as something else and names the
    document of every row."""
    for name in _of_documents(table, columns):
        if all(_name(value) is not None for value in table.columns[name]):
            return name
    return None


def document_gap(table: Rows, columns: Columns) -> str | None:
    """How many rows lack the name of a document, where others have one; None where none has.

    Of a table that does not name the document of every row.
    """
    for column in _of_documents(table, columns):
        missing = sum(_name(value) is None for value in table.columns[column])
        if missing < len(table):
            return f"'{column}' names no document in {missing:,} of {len(table):,} rows"
    return None


def _of_documents(table: Rows, columns: Columns) -> list[str]:
    """The columns that could name documents, and are not read as something else."""
    read = {*_texts(table, columns), _label_column(table, columns)}
    return [name for name in table.columns if name.lower() in DOCUMENTS and name not in read]


def _texts(table: Rows, columns: Columns) -> tuple[str, ...]:
    return columns.text or (_found("text", TEXTS, table),)


def _label_column(table: Rows, columns: Columns) -> str | None:
    return _found("label", LABELS, table) if columns.label == "" else columns.label


def _name(value: Any) -> str | None:
    """The document that a cell names; None for a cell that names none."""
    if isinstance(value, float) and value.is_integer():
        value = int(value)  # a column of numbers with a gap
    if isinstance(value, int):
        return str(value)
    return value if isinstance(value, str) and value.strip() else None


def _require_column(parameter: str, name: str, table: Rows) -> None:
    if name not in table.columns:
        known = unknown(f"column of {parameter}", name, table.columns)
        raise InputError(f"{parameter}='{name}': {known} ({table.place(0)})")


def _label(table: Rows, label: str, i: int) -> Any:
    """The label of a row, as the name of its class where the table has these."""
    value = table.columns[label][i]
    if value is None or value == "":
        raise InputError(f"{table.place(i)}: '{label}' is empty: leave such rows out")
    classes = table.classes.get(label)
    if classes and isinstance(value, int) and 0 <= value < len(classes):
        return classes[value]
    return value


def _found(parameter: str, usual: Sequence[str], table: Rows) -> str:
    for name in usual:
        if name in table.columns:
            return name
    known = ", ".join(map(shortened, table.columns))
    raise InputError(
        f"no column is called {' or '.join(usual)}: give {parameter}='…', one of {known}"
    )
