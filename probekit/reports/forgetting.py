"""Forgetting, drawn: changes by task and layer, and what the drops are made of."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from probekit.forgetting.comparison import PARTS, Comparison
from probekit.reports.picture import save

if TYPE_CHECKING:
    import pandas as pd

LEVEL = 0.05
LEAST_RANGE = 1.0  # points: an axis that shows hundredths of one makes much of nothing
FAINT = 0.3
CELL_WIDTH, CELL_HEIGHT = 0.78, 0.52  # inches
# Shades that differ in greyscale, with hatches for those who print.
STYLES = {
    "rotation": ("#d9e6f2", ""),
    "re_encoding": ("#8fb8de", "//"),
    "relocation": ("#e5b567", ".."),
    "loss": ("#8c1c13", ""),
}
LABELS = {
    "rotation": "rotation: read again after a linear map",
    "re_encoding": "re-encoding: read again by a new probe",
    "relocation": "relocation: read at another layer, and not there before",
    "loss": "loss: none of these reads it again",
}


def decomposition_picture(comparison: Comparison, *paths: str | Path) -> None:
    """Draw, into each of `paths`, what the drop of every probe trained before is made of: stacked bars a layer."""
    save(partial(decomposition_figure, comparison), *paths)


def forgetting_figure(comparison: Comparison) -> Any:
    """Changes in points (hundredths): one panel a checkpoint, tasks × layers, red for lower and blue for higher.

    Cells that cannot be told from zero (adjusted p-value above 0.05) are grey.
    """
    from matplotlib.figure import Figure

    frame = comparison.comparison
    panels = list(frame.groupby(["before", "after"], sort=False))
    rows = [part.groupby(["task", "corpus"]).ngroups for _, part in panels]
    columns = int(frame["layer"].nunique())
    heights = [CELL_HEIGHT * n + 1.5 for n in rows]
    figure = Figure(figsize=(max(CELL_WIDTH * columns + 2.2, 6.4), sum(heights)), layout="constrained")
    parts = figure.subfigures(len(panels), 1, squeeze=False, height_ratios=heights)[:, 0]
    for part, ((before, after), mine) in zip(parts, panels, strict=True):
        part.suptitle(f"{before} → {after}: change of score, in points", fontsize=11, x=0.02, ha="left")
        _changes(part.subplots(), mine)
    return figure


def _changes(axes: Any, frame: pd.DataFrame) -> None:
    import seaborn as sns

    # Shades are of this panel: a collapse beside it would bleach everything else.
    limit = max(float(frame["delta"].abs().max()) * 100, 1.0)

    several = frame["corpus"].nunique() > 1
    named = frame.assign(row=frame["task"] + ("\n" + frame["corpus"] if several else ""))
    order = list(dict.fromkeys(named["row"]))
    delta = named.pivot_table(index="row", columns="layer", values="delta").reindex(order) * 100
    clear = named.pivot_table(index="row", columns="layer", values="p_adjusted").reindex(order) <= LEVEL
    shared: dict[str, Any] = {"ax": axes, "annot": True, "fmt": "+.1f", "linewidths": 1, "cbar": False}
    shared |= {"vmin": -limit, "vmax": limit, "linecolor": "white"}
    grey = {"fontsize": 9, "color": "#6b6b6b"}
    sns.heatmap(delta, mask=clear.to_numpy(), cmap=["#e3e3e3"], annot_kws=grey, **shared)
    sns.heatmap(delta, mask=~clear.to_numpy(), cmap="RdBu", annot_kws={"fontsize": 9, "weight": "bold"}, **shared)
    xlabel = "layer before (0 = embeddings)\ngrey = cannot be told from 0; each panel has its own shades"
    axes.set(ylabel="", xlabel=xlabel)
    axes.tick_params(length=0, labelsize=9, labelrotation=0)


def decomposition_figure(comparison: Comparison) -> Any:
    """Stacked bars: a panel a checkpoint and task, a bar a layer, its parts in points; below zero what was gained."""
    from matplotlib.figure import Figure
    from matplotlib.patches import Patch

    panels = list(comparison.decomposition.groupby(["before", "after", "task", "corpus"], sort=False))
    columns = min(len(panels), 3)
    rows = -(-len(panels) // columns)
    figure = Figure(figsize=(4.2 * columns, 2.9 * rows + 0.9), layout="constrained")
    grid = figure.subplots(rows, columns, squeeze=False)
    several = comparison.decomposition[["before", "after"]].drop_duplicates().shape[0] > 1
    for axes, ((before, after, task, corpus), part) in zip(grid.flat, panels, strict=False):
        _bars(axes, part)
        axes.set_title(f"{task} ({corpus})" + (f"\n{before} → {after}" if several else ""), fontsize=10)
    for axes in list(grid.flat)[len(panels) :]:
        axes.set_axis_off()
    for axes in grid[:, 0]:
        axes.set_ylabel("points of score")
    keys = [Patch(facecolor=STYLES[p][0], hatch=STYLES[p][1], edgecolor="black", label=LABELS[p]) for p in PARTS]
    title = "faint: the part's 95% interval has 0 in it; each panel has its own scale"
    figure.legend(
        handles=keys, loc="outside lower center", ncols=2, fontsize=9, frameon=False, title=title, title_fontsize=9
    )
    if not several:
        before, after = panels[0][0][:2]
        figure.suptitle(f"{before} → {after}: what a probe trained before loses, and what finds it again", fontsize=11)
    return figure


def _bars(axes: Any, frame: pd.DataFrame) -> None:
    axes.use_sticky_edges = False  # bars would stick to the frame
    layers = frame["layer"].astype(str).tolist()
    above = below = frame["layer"].to_numpy(dtype=float) * 0
    for part in PARTS:
        values = 100 * frame[part].fillna(0).to_numpy(dtype=float)
        base = (values >= 0) * above + (values < 0) * below
        colour, hatch = STYLES[part]
        bars = axes.bar(layers, values, bottom=base, color=colour, hatch=hatch, edgecolor="black", linewidth=0.6)
        for bar, low, high in zip(bars, frame[f"{part}_low"], frame[f"{part}_high"], strict=True):
            if not (low > 0 or high < 0):
                bar.set_alpha(FAINT)
        above, below = above + values.clip(min=0), below + values.clip(max=0)
    axes.axhline(0, color="black", linewidth=0.8)
    axes.margins(y=0.08)
    low, high = axes.get_ylim()
    axes.set_ylim(min(low, -0.1 * LEAST_RANGE), max(high, LEAST_RANGE))
    axes.set_xlabel("layer", fontsize=9)
    axes.tick_params(labelsize=9)
    axes.spines[["top", "right"]].set_visible(False)
