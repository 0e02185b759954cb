"""The table of a trajectory of checkpoints."""

from __future__ import annotations

from math import isnan
from typing import TYPE_CHECKING

from probekit.forgetting.trajectory import Trajectory
from probekit.reports.number_text import points_interval
from probekit.reports.table import Column, Table
from probekit.states.layers_text import layers_text

if TYPE_CHECKING:
    import pandas as pd


def trajectory_table(trajectory: Trajectory) -> Table:
    """Two rows per task, for the best layers and the last one.

    They have the scores at the first and the last step, the change in points with its interval, and
    the step at which retention first fell below the threshold.
    """
    steps = trajectory.table["step"]
    numbers = ("layer", "first", "last", "change", "95% interval", "from best", "retention")
    below = f"retention below {trajectory.threshold:g} at"
    columns = [Column("task", False, True), Column("corpus", False), *map(Column, numbers)]
    title = f"Steps {steps.min()} to {steps.max()}, retention counted from {trajectory.base}"
    shown = Table(f"{title}; change in points", [*columns, Column(below)])
    for _, row in trajectory.summary.iterrows():
        is_mine = (trajectory.fell[["task", "corpus"]] == row[["task", "corpus"]]).all(axis=1)
        fell = trajectory.fell[is_mine].dropna(subset=["step"]).sort_values(["step", "layer"])
        of_steps = fell.groupby("step")["layer"]
        steps_fell = [f"step {step} ({layers_text(layers.tolist())})" for step, layers in of_steps]
        ends = points_interval(row["change_from_best_low"], row["change_from_best_high"])
        from_best = f"{100 * row['change_from_best']:+.1f} ({ends})"
        best = _over_steps("best", row, "")
        labels = [str(row["task"]), str(row["corpus"])]
        fell_at = ", ".join(steps_fell) or "–"
        shown.rows.append([*labels, *best[:-1], from_best, best[-1], fell_at])
        last = _over_steps("last", row, "last_layer_")
        shown.rows.append(["", "", *last[:-1], "", last[-1], ""])
    return shown


def _over_steps(which: str, row: pd.Series, prefix: str) -> list[str]:
    """The cells of one row: two layers, their scores, the change, and what is retained."""
    retention = row[f"{prefix}retention"]
    return [
        f"{which} {row[f'{prefix}layer_first']}→{row[f'{prefix}layer_last']}",
        f"{row[f'{prefix}score_first']:.3f}",
        f"{row[f'{prefix}score_last']:.3f}",
        f"{100 * row[f'{prefix}change']:+.1f}",
        points_interval(row[f"{prefix}change_low"], row[f"{prefix}change_high"]),
        "–" if isnan(retention) else f"{retention:.0%}",
    ]
