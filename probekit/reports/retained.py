"""Retention over a training run as cells: layers × steps."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from probekit.forgetting.trajectory import Trajectory
from probekit.reports import colours
from probekit.reports.cells import CellStyle, cell_width, frame_cell, show_cells
from probekit.reports.picture import Panel

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

LOWEST = 0.8  # the scale begins here or lower: a loss of 1% is not drawn as a collapse


def panels(trajectory: Trajectory, style: CellStyle) -> list[Panel]:
    """One for each task."""
    found: list[Panel] = []
    if trajectory.table.empty:
        return found
    width = (cell_width(style.decimals(2)) + 0.05) * trajectory.table["step"].nunique() + 1.6
    height = 0.42 * trajectory.table["layer"].nunique() + 1.9
    draw = partial(_draw, trajectory=trajectory, style=style)
    lowest = float(trajectory.table["retention"].min())
    ends = style.ends(min(LOWEST, lowest), 1.0)
    for (task, corpus), rows in trajectory.table.groupby(["task", "corpus"], sort=False):
        title = f"{task} ({corpus}): retention"
        panel = Panel(title, max(width, 3.8), height, partial(draw, frame=rows, ends=ends))
        found.append(panel)
    return found


def _draw(
    axes: Axes,
    *,
    frame: pd.DataFrame,
    trajectory: Trajectory,
    style: CellStyle,
    ends: tuple[float, float],
) -> list[Any]:
    grid = frame.pivot_table(index="layer", columns="step", values="retention", dropna=False)
    grid = grid.sort_index(ascending=False)
    colour_map = style.colour_map(colours.SCORES, colours.SCORES_GREY)
    mesh = show_cells(axes, grid, style.texts(grid, 2), colour_map, ends)
    for (row, column), value in np.ndenumerate(grid.to_numpy(dtype=float)):
        if value < trajectory.threshold:
            frame_cell(axes, row, column)
    axes.set(xlabel=f"step (framed: below {trajectory.threshold:g})", ylabel="layer")
    base = f" (1 = as {trajectory.base})" if trajectory.base else ""
    style.bar(axes, mesh, f"retention{base}")
    return []
