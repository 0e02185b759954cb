"""A table as texts, for the terminal and for LaTeX; what the tables of results share."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    import pandas as pd
    from rich.console import RenderableType

LEGENDS = {
    "compare": (
        "compare: number, where model, text and labels are the paper's up to the differences; "
        "pattern, where only order and direction can be compared"
    ),
    "p": "p: p-value, not corrected for many comparisons",
    "p adj.": "p adj.: p-value corrected for many comparisons",
    "kind": (
        "kind, value: label, the gold label; seen, whether all words occur in training; frequency, "
        "how often the rarest one does; length, words of the sentence; distance, words from one "
        "span to the other"
    ),
    "MDE": (
        "MDE: minimum detectable effect, the change in points that is found 4 times in 5, "
        "before correction"
    ),
}
"""Meanings of abbreviations in tables and verdicts."""


class Column(NamedTuple):
    """A column: its heading, and whether it holds numbers, or the name of the row's subject."""

    heading: str
    is_number: bool = True
    is_name: bool = False


@dataclass
class Table:
    """Texts in rows and columns.

    Attributes:
        title: what it shows.
        columns: from left to right.
        rows: one text for each column.
        note: text below it.
    """

    title: str
    columns: list[Column]
    rows: list[list[str]] = field(default_factory=list)
    note: str = ""


def as_rich(table: Table) -> RenderableType:
    """The table for the terminal."""
    from rich.box import SIMPLE_HEAD
    from rich.console import Group
    from rich.markup import escape
    from rich.table import Table as RichTable
    from rich.text import Text

    shown = RichTable(box=SIMPLE_HEAD, padding=(0, 1, 0, 0))
    for column in table.columns:
        justify = "right" if column.is_number else "left"
        style = "bold" if column.is_name else ""
        shown.add_column(escape(column.heading), justify=justify, style=style)  # type: ignore[arg-type]
    for row in table.rows:
        shown.add_row(*map(escape, row))
    # rich would break a title and a caption at the table's width.
    below = [Text(table.note, "dim")] if table.note else []
    return Group(Text(table.title), shown, *below)


def names_of(
    frame: pd.DataFrame, names: tuple[str, ...], rows: pd.DataFrame | None = None
) -> list[str]:
    """The columns that tell rows apart: the task, and columns with several values.

    `rows` are the rows of the table, if it has fewer than `frame`.
    """
    found = []
    for name in names:
        told_by = rows if rows is not None and name == "probe" else frame
        if name == "task" or told_by[name].nunique() > 1:
            found.append(name)
    return found


def name_columns(names: list[str]) -> list[Column]:
    return [Column(name, is_number=False, is_name=name == "task") for name in names]
