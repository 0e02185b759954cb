"""HTML: how notebooks show an object, with all text escaped; and its one-line `repr`."""

from __future__ import annotations

from collections.abc import Iterable
from html import escape
from typing import TYPE_CHECKING, Any

from probekit.harmless import harmless

if TYPE_CHECKING:
    import pandas as pd

MOST_ROWS = 40
_PLURALS = {"corpus": "corpora", "before": "before", "after": "after"}


def page(title: str, frame: pd.DataFrame, notes: Iterable[str] = ()) -> str:
    """A title, a table, and notes below it.

    Args:
        title: one line.
        frame: the table, of which the first MOST_ROWS rows are shown.
        notes: one line each.
    """
    head = "".join(f"<th>{_text(name)}</th>" for name in frame.columns)
    rows = []
    for values in frame.head(MOST_ROWS).itertuples(index=False):
        cells = "".join(f"<td>{_text(_shown(value))}</td>" for value in values)
        rows.append(f"<tr>{cells}</tr>")
    more = len(frame) - len(rows)
    below = list(notes)
    if more > 0:
        below.insert(0, f"{more:,} more rows")
    lines = "".join(f"<div><small>{_text(note)}</small></div>" for note in below)
    table = f"<table><thead><tr>{head}</tr></thead><tbody>{''.join(rows)}</tbody></table>"
    return f"<div><b>{_text(title)}</b>{table if len(frame.columns) else ''}{lines}</div>"


def line(kind: str, frame: pd.DataFrame, columns: Iterable[str]) -> str:
    """A summary of a table: `Scores(model 'minilm', 4 tasks: 36 rows)`."""
    counted = [_counted(name, frame[name]) for name in columns if len(frame)]
    about = f"{', '.join(counted)}: " if counted else ""
    return f"{kind}({about}{len(frame):,} rows)"


def _counted(noun: str, values: pd.Series) -> str:
    """`model 'minilm'` for a single value, `3 models` for several."""
    names = list(values.unique())
    if len(names) == 1:
        return f"{noun} {names[0]!r}"
    plural = _PLURALS.get(noun, f"{noun}s")
    return f"{len(names)} {plural}"


def _text(text: object) -> str:
    return escape(harmless(text))


def _shown(value: Any) -> str:
    """A number with three decimals, a dash for a missing value, or else the text."""
    import pandas as pd

    if pd.isna(value):
        return "–"
    return f"{value:.3f}" if isinstance(value, float) else str(value)
