"""Grid: a table of results as a page shows it."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

from probekit.reports.page.numbers import TONES, cell_of
from probekit.reports.page.parts import Grid, Heading, Row
from probekit.results.results import Results

if TYPE_CHECKING:
    import pandas as pd

MOST_ROWS = 300
SHOWN = {"ci_low": "interval from", "ci_high": "interval to", "re_encoding": "re-encoding"}
"""Columns that are not shown by their name in the file."""
CHANGES = (
    "beyond",
    "change",
    "delta",
    "difference",
    "drop",
    "loss",
    "mapped_drop",
    "re_encoding",
    "relocation",
    "rotation",
)
"""How columns begin whose numbers have a sign, since they are changes."""
_LINK = re.compile(r"\[([^\]]*)\]\([^)]*\)")


class Meaning(NamedTuple):
    """What a column means, and the unit or range of its values."""

    meaning: str
    unit: str = ""


def table(
    found: Results, name: str, caption: str, columns: Sequence[str] = (), folded: bool = False
) -> Grid | None:
    """A table of results, with what its columns mean; None where the results lack it.

    Args:
        found: the results.
        name: of the table, as that of its file.
        caption: what it shows.
        columns: those to show; all where none are given.
        folded: whether it is closed until a reader opens it.
    """
    frame = found.tables.get(name)
    if frame is None or frame.empty:
        return None
    known = meanings(found, name)
    wanted = [column for column in columns if column in frame] if columns else list(frame)
    return grid(caption, frame[wanted], known, source=f"{name}.csv", folded=folded)


def meanings(found: Results, name: str) -> dict[str, Meaning]:
    """What the columns of a table mean, by its schema."""
    for schema in {**found.TABLES, **found.OPTIONAL}.values():
        if schema.name == name:
            return {one.name: Meaning(plain(one.meaning), one.unit) for one in schema.columns}
    return {}


def grid(
    caption: str,
    frame: pd.DataFrame,
    known: Mapping[str, Meaning],
    source: str = "",
    folded: bool = False,
    whole: bool = False,
) -> Grid:
    """A table as a page shows it: its first MOST_ROWS rows.

    Columns of text or whole numbers with one value, and empty ones, are stated once, below it,
    unless they are verdicts or the table is to be `whole`. The index of `frame` has each row's
    number in the file.
    """
    same = {} if whole else _same(frame)
    headings = []
    for name in frame.columns:
        if name in same:
            continue
        meaning = known.get(name, Meaning(""))
        is_number = frame[name].dtype.kind in "iuf"
        headings.append(Heading(name, _shown(name), meaning.meaning, meaning.unit, is_number))
    first = frame.head(MOST_ROWS)
    columns = []
    for one in headings:
        is_change = one.name.startswith(CHANGES)
        columns.append([cell_of(value, is_change) for value in first[one.name].tolist()])
    rows = []
    for place, *cells in zip(first.index.tolist(), *columns, strict=True):
        rows.append(Row(int(place), cells))
    stated = [(name, text) for name, text in same.items() if text]
    return Grid(caption, headings, rows, source, len(frame), stated, folded)


def _same(frame: pd.DataFrame) -> dict[str, str]:
    """Columns that need not be shown: with one text or whole number in all rows, or empty."""
    found: dict[str, str] = {}
    if len(frame) < 2:
        return found
    for name in frame.columns:
        values = frame[name]
        if values.isna().all() or (values.astype(str) == "").all():
            found[name] = ""
        elif _is_one(values):
            found[name] = cell_of(values.iloc[0]).text
    return found if len(found) < len(frame.columns) else {}


def _is_one(values: pd.Series) -> bool:
    """Whether a column has one text or whole number in all rows that is no verdict."""
    texts = values.astype(str)
    return values.dtype.kind != "f" and texts.nunique() == 1 and texts.iloc[0] not in TONES


def _shown(name: str) -> str:
    """A column's name as words."""
    return SHOWN.get(name, name.replace("_", " "))


def plain(meaning: str) -> str:
    """A column's meaning without marks of Markdown.

    >>> plain("upper end of the [interval](methods.md#intervals) of `score`")
    'upper end of the interval of score'
    """
    return _LINK.sub(r"\1", meaning).replace("`", "").replace("*", "")
