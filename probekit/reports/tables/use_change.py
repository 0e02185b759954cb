"""The table of compare --erase: what erasing tasks breaks before and after."""

from __future__ import annotations

from typing import TYPE_CHECKING

from probekit.reports.number_text import detectable_text, points_interval
from probekit.reports.table import LEGENDS, Column, Table
from probekit.usage.erasure import draws_text, label_of
from probekit.usage.use_change import UseChange

if TYPE_CHECKING:
    import pandas as pd

HEADINGS = (
    "drop before",
    "after",
    "random before",
    "after",
    "change",
    "95% interval",
    "p adj.",
    "MDE",
)


def use_change_table(found: UseChange) -> Table:
    """One row per layer and thing measured: its drop when the task is erased, before and after."""
    rows = found.summary()
    told_by = [name for name in ("after", "erased") if rows[name].nunique() > 1]
    names = [Column(name, is_number=False) for name in told_by]
    columns = [*names, Column("layer"), Column("measured", False, True), *map(Column, HEADINGS)]
    note = (
        "drop: what the score loses when the task's subspace is erased, in points; random: when as "
        f"many random dimensions are ({draws_text(rows['seeds'].max())}); {LEGENDS['p adj.']}; "
        f"{LEGENDS['MDE']}"
    )
    table = Table(f"What erasing {_where(rows)}", columns, note=note)
    for _, same in rows.groupby(["after", "erased"], sort=False):
        for _, row in same.sort_values("layer", kind="stable").iterrows():
            table.rows.append([*(str(row[name]) for name in told_by), *_cells(row)])
    return table


def _where(rows: pd.DataFrame) -> str:
    """What is erased, in which checkpoints, and on which corpus."""
    tasks, after = (", ".join(rows[name].unique()) for name in ("erased", "after"))
    before, corpus = (", ".join(rows[name].unique()) for name in ("before", "corpus"))
    return f"{tasks} breaks in {before} (before) and {after} (after) on {corpus}"


def _cells(row: pd.Series) -> list[str]:
    drops = [row["drop_before"], row["drop_after"]]
    random = [drops[0] - row["beyond_before"], drops[1] - row["beyond_after"]]
    return [
        str(row["layer"]),
        label_of(row),
        *(f"{100 * value:.1f}" for value in (*drops, *random)),
        f"{100 * row['change']:+.1f}",
        points_interval(row["ci_low"], row["ci_high"]),
        f"{row['p_adjusted']:.3f}",
        detectable_text(row["detectable"]),
    ]
