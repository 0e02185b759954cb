"""The table of erase: what each erasure changes."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from probekit.reports.number_text import change_interval, points_interval
from probekit.reports.table import LEGENDS, Column, Table
from probekit.usage.erasure import BITS, CONTROL, RANDOM, Erasure, change_text, draws_text, label_of

if TYPE_CHECKING:
    import pandas as pd


def erasure_table(erasure: Erasure) -> Table:
    """One row per layer and thing measured: its change when the task is erased, and beside it."""
    rows, task = erasure.summary(), erasure.task
    of_task = rows[rows["erased"] == task]
    beside = [name for name in rows["erased"].unique() if name != task]
    headings = ("before", "after", "change", "95% interval", "p adj.", *beside)
    columns = [Column("layer"), Column("measured", False, True), *map(Column, headings)]
    where = ", ".join(f"{model} on {corpus}" for model, corpus in _models_and_corpora(rows))
    ranks = sorted(set(of_task["rank"]))
    size = "–".join(str(rank) for rank in dict.fromkeys((ranks[0], ranks[-1]))) if ranks else "0"
    draws = draws_text(rows.loc[rows["erased"] == RANDOM, "seeds"].max())
    note = f"changes in points; {LEGENDS['p adj.']}; {RANDOM}: of as many random dimensions"
    note += f" ({draws})"
    if any(name.startswith(CONTROL) for name in beside):
        note += f"; {CONTROL}{task}: of the subspace of its control labels"
    if (rows["metric"] == BITS).any():
        note = note.replace("in points", "in points, of bits in bits per word (lower is better)")
    size += " dimension" if size == "1" else " dimensions"
    table = Table(f"What erasing {task} ({size}) changes: {where}", columns, note=note)
    for _, row in of_task.sort_values("layer", kind="stable").iterrows():
        same = rows[(rows["layer"] == row["layer"]) & (rows["affected"] == row["affected"])]
        same = same[same["probe"] == row["probe"]].set_index("erased")["change"]
        changed = partial(change_text, metric=row["metric"])
        table.rows.append(
            [
                str(row["layer"]),
                label_of(row),
                f"{row['score_before']:.3f}",
                f"{row['score_after']:.3f}",
                changed(row["change"]),
                _ends(row),
                f"{row['p_adjusted']:.3f}",
                *(changed(same[name]) for name in beside),
            ]
        )
    return table


def _ends(row: pd.Series) -> str:
    """The interval of a change, in the unit of the change."""
    if row["metric"] == BITS:
        return change_interval(row["ci_low"], row["ci_high"], digits=2)
    return points_interval(row["ci_low"], row["ci_high"])


def _models_and_corpora(rows: pd.DataFrame) -> list[tuple[str, str]]:
    """Each model with each of its corpora, once."""
    return list(dict.fromkeys(zip(rows["model"], rows["corpus"], strict=True)))
