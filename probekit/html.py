"""HTML: what notebooks show of an object, all text escaped; and its one-line `repr`."""

from __future__ import annotations

from collections.abc import Iterable
from html import escape
from typing import TYPE_CHECKING, Any

from probekit.harmless import harmless

if TYPE_CHECKING:
    import pandas as pd

MOST_ROWS = 40


def page(title: str, frame: pd.DataFrame, notes: Iterable[str] = ()) -> str:
    """A title, a table, and notes below it.

    Args:
        title: one line.
        frame: the table; of a long one the first MOST_ROWS rows.
        notes: a line each.
    """
    head = "".join(f"<th>{_text(name)}</th>" for name in frame.columns)
    rows = []
    for values in frame.head(MOST_ROWS).itertuples(index=False):
        cells = "".join(f"<td>{_text(_shown(value))}</td>" for value in values)
        rows.append(f"<tr>{cells}</tr>")
    more = len(frame) - len(rows)
    below = [*([f"{more:,} rows more"] if more > 0 else []), *notes]
    lines = "".join(f"<div><small>{_text(note)}</small></div>" for note in below)
    table = f"<table><thead><tr>{head}</tr></thead><tbody>{''.join(rows)}</tbody></table>"
    return f"<div><b>{_text(title)}</b>{table if len(frame.columns) else ''}{lines}</div>"


def line(kind: str, frame: pd.DataFrame, columns: Iterable[str]) -> str:
    """What a table is about: `Scores(model 'minilm', 4 tasks: 36 rows)`."""
    named = [_counted(name, frame[name]) for name in columns if len(frame)]
    about = f"{', '.join(named)}: " if named else ""
    return f"{kind}({about}{len(frame):,} rows)"


def _counted(noun: str, values: pd.Series) -> str:
    """A name, `model 'minilm'`, or how many there are, `3 models`."""
    names = list(values.unique())
    if len(names) == 1:
        return f"{noun} {names[0]!r}"
    plural = {"corpus": "corpora"}.get(noun, noun if noun in ("before", "after") else f"{noun}s")
    return f"{len(names)} {plural}"


def _text(text: object) -> str:
    return escape(harmless(text))


def _shown(value: Any) -> str:
    """A number with three decimals, a dash where it is missing, else the text."""
    import pandas as pd

    if pd.isna(value):
        return "–"
    return f"{value:.3f}" if isinstance(value, float) else str(value)
