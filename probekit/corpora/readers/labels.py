"""Labels: those of the words of each row of a table, from the values of a column."""

from __future__ import annotations

import math
from itertools import chain
from typing import Any

from probekit.corpora.readers.ignored import from_texts

Label = str | int | None
Row = list[Label] | None  # labels of a row's words, None for a row without labels


def labels_of(values: list[Any], classes: list[str] | None, as_text: bool) -> list[Row]:
    """The labels of each row of a column, with names for class numbers; None for rows that hold
    anything else."""
    if as_text and any(isinstance(row, str) for row in values):
        return _from_texts(values)
    return [_row(row, classes) for row in values]


def _row(row: Any, classes: list[str] | None) -> Row:
    if not isinstance(row, list):
        return None
    if classes is not None:
        return _class_names(row, classes)
    return row if all(map(_is_label, row)) else _as_whole(row)


def _is_label(value: Any) -> bool:
    return value is None or isinstance(value, str | int)


def _as_whole(row: list[Any]) -> Row:
    """A row of whole numbers written with decimal points, NaN as None; None for any other row."""
    found: list[Label] = []
    for value in row:
        if isinstance(value, float) and (value.is_integer() or math.isnan(value)):
            found.append(int(value) if value.is_integer() else None)
        elif _is_label(value):
            found.append(value)
        else:
            return None
    return found


def _class_names(row: list[Any], classes: list[str]) -> Row:
    """The names of class numbers, negative ones unchanged; None if one has no name."""
    found: list[Label] = []
    for value in row:
        if value is None or (isinstance(value, int) and value < 0):
            found.append(value)
        elif isinstance(value, int) and value < len(classes):
            found.append(classes[value])
        else:
            return None
    return found


def _from_texts(values: list[Any]) -> list[Row]:
    """Labels written as one text per row; if all are whole numbers, -100 and -1 become numbers."""
    rows = [row.split() if isinstance(row, str) else None for row in values]
    labels = from_texts(set(chain.from_iterable(row for row in rows if row)))
    found: list[Row] = []
    for row in rows:
        found.append(None if row is None else [labels[label] for label in row])
    return found
