"""Retention over a training run as cells: layers × steps."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from probekit.forgetting.trajectory import Trajectory
from probekit.reports import colours
from probekit.reports.cells import (
    PANEL_HEIGHT,
    CellStyle,
    Scale,
    cell_width,
    frame_cell,
    show_cells,
)
from probekit.reports.picture import Panel

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

LOWEST = 0.8  # the scale begins here or lower: a loss of 1% is not drawn as a collapse


def panels(trajectory: Trajectory, style: CellStyle) -> tuple[list[Panel], Scale]:
    """One for each task, and their colours."""
    found: list[Panel] = []
    scale = _scale(trajectory, style)
    width = (cell_width(style.decimals(2)) + 0.05) * trajectory.table["step"].nunique() + 1.6
    height = 0.42 * trajectory.table["layer"].nunique() + PANEL_HEIGHT
    draw = partial(_draw, trajectory=trajectory, style=style, scale=scale)
    for (task, corpus), rows in trajectory.table.groupby(["task", "corpus"], sort=False):
        title = f"{task} ({corpus}): retention"
        panel = Panel(title, max(width, 3.8), height, partial(draw, frame=rows))
        found.append(panel)
    return found, scale


def _scale(trajectory: Trajectory, style: CellStyle) -> Scale:
    retention = trajectory.table["retention"].dropna()
    reach = (float(retention.min()), float(retention.max())) if len(retention) else None
    lowest = LOWEST if reach is None else min(LOWEST, reach[0])
    base = f" (1 = as {trajectory.base})" if trajectory.base else ""
    colour_map = style.colour_map(colours.SCORES, colours.SCORES_GREY)
    return Scale(colour_map, style.ends(lowest, 1.0), f"retention{base}", reach=reach)


def _draw(
    axes: Axes,
    *,
    frame: pd.DataFrame,
    trajectory: Trajectory,
    style: CellStyle,
    scale: Scale,
) -> list[Any]:
    grid = frame.pivot_table(index="layer", columns="step", values="retention", dropna=False)
    grid = grid.sort_index(ascending=False)
    show_cells(axes, grid, style.texts(grid, 2), scale)
    for (row, column), value in np.ndenumerate(grid.to_numpy(dtype=float)):
        if value < trajectory.threshold:
            frame_cell(axes, row, column)
    axes.set(xlabel=f"step (framed: below {trajectory.threshold:g})", ylabel="layer")
    return []
