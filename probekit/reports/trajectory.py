"""Trajectory, drawn: scores over training, as curves and as layers × steps."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from probekit.forgetting.trajectory import Trajectory
from probekit.reports.heatmap import cells
from probekit.reports.picture import save

if TYPE_CHECKING:
    import pandas as pd

MARKERS = "osD^vP*X"


def trace_curves(trace: Trajectory, *paths: str | Path) -> None:
    """Draw, into each of `paths`, score over steps: a panel a task, a line a layer, the darker the higher."""
    save(partial(_figure, trace, 4.4, 3.2, _curves), *paths)


def trace_heatmap(trace: Trajectory, *paths: str | Path) -> None:
    """Draw, into each of `paths`, retention by layer and step: a panel a task, light where little is left."""
    width = 0.7 * trace.table["step"].nunique() + 1.6
    height = 0.42 * trace.table["layer"].nunique() + 1.2
    draw = partial(_cells, threshold=trace.threshold)
    save(partial(_figure, trace, max(width, 3.4), height, draw), *paths)


def _figure(trace: Trajectory, width: float, height: float, draw: Any) -> Any:
    from matplotlib.figure import Figure

    panels = list(trace.table.groupby(["task", "corpus"], sort=False))
    columns = min(3, len(panels))
    rows = -(-len(panels) // columns)
    figure = Figure(figsize=(width * columns, height * rows), layout="constrained")
    grid = figure.subplots(rows, columns, squeeze=False)
    for axes, ((task, corpus), frame) in zip(grid.flat, panels, strict=False):
        draw(axes, frame)
        axes.set_title(f"{task} ({corpus})", fontsize=10)
        axes.tick_params(labelsize=9)
    for axes in list(grid.flat)[len(panels) :]:
        axes.set_axis_off()
    return figure


def _curves(axes: Any, frame: pd.DataFrame) -> None:
    layers = sorted(frame["layer"].unique())
    for i, layer in enumerate(layers):
        mine = frame[frame["layer"] == layer].sort_values("step")
        shade = str(0.75 * (1 - i / max(len(layers) - 1, 1)))
        marker = MARKERS[i % len(MARKERS)]
        axes.plot(mine["step"], mine["score"], color=shade, marker=marker, markersize=4, label=f"layer {layer}")
        axes.fill_between(mine["step"], mine["ci_low"], mine["ci_high"], color=shade, alpha=0.12, linewidth=0)
    axes.set(xlabel="step", ylabel=f"{frame['metric'].iloc[0]} (band: 95%)")
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(fontsize=7, frameon=False, ncols=2)


def _cells(axes: Any, frame: pd.DataFrame, *, threshold: float) -> None:
    grid = frame.pivot_table(index="layer", columns="step", values="retention", dropna=False).sort_index(
        ascending=False
    )
    cells(axes, grid)
    for text in axes.texts:
        if float(text.get_text()) < threshold:
            text.set(weight="bold", bbox={"facecolor": "white", "edgecolor": "black", "pad": 2}, color="black")
    axes.set(xlabel="step", ylabel=f"layer (share retained; framed below {threshold:g})")
