"""The table of a replication: measured beside published."""

from __future__ import annotations

from math import isnan
from typing import TYPE_CHECKING

from probekit.replications.quantities import QUANTITIES
from probekit.replications.replicated import Replicated
from probekit.reports.table import LEGENDS, Column, Table

if TYPE_CHECKING:
    import pandas as pd


def replication_table(replicated: Replicated) -> Table:
    """One row per figure of the paper: measured with its interval, and published."""
    figures = replicated.table
    names = ["quantity"]
    names += [name for name in ("task", "probe") if figures[name].nunique() > 1]
    numbers = ("layer", "measured", "95% interval", "published")
    texts = ("unit", "compare", "published for", "on", "setting", "source")
    columns = [Column(name, False, name == "quantity") for name in names]
    columns += [*map(Column, numbers), *(Column(text, False) for text in texts)]
    first = figures.iloc[0]
    measured_on = f"{first['model']} on {first['corpus']}"
    table = Table(
        f"Measured with {measured_on}, beside what was published", columns, note=LEGENDS["compare"]
    )
    for _, row in figures.iterrows():
        table.rows.append([*(row[name] for name in names), *_numbers(row), *_texts(row)])
    return table


def _numbers(row: pd.Series) -> list[str]:
    """The layer, the value measured, its interval, and the one published (or the finding)."""
    known = QUANTITIES.get(row["quantity"])
    digits = known.digits if known else 3
    low, high = f"{row['ci_low']:.{digits}f}", f"{row['ci_high']:.{digits}f}"
    between = " to " if row["unit"] == "points" else "–"  # which may be negative
    return [
        "" if row.isna()["layer"] else str(row["layer"]),
        "–" if isnan(row["measured"]) else f"{row['measured']:.{digits}f}",
        "" if isnan(row["ci_low"]) else f"{low}{between}{high}",
        row["finding"] if isnan(row["published"]) else f"{row['published']:.{digits}f}",
    ]


def _texts(row: pd.Series) -> list[str]:
    """What the numbers are of."""
    names = ("unit", "compare", "published_model", "published_corpus", "setting", "source")
    return [row[name] for name in names]
