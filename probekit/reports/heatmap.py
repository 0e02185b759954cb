"""Heatmap: tasks × layers, with the numbers, the best layer marked, and the baselines beside them."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from probekit import doors
from probekit.errors import InputError
from probekit.forgetting.comparison import Comparison
from probekit.probes.baselines import BASELINES
from probekit.probes.scores import Scores
from probekit.reports.forgetting import forgetting_figure
from probekit.reports.picture import save
from probekit.stats.metrics import METRICS

if TYPE_CHECKING:
    import pandas as pd

CELL_WIDTH, CELL_HEIGHT = 0.72, 0.52  # inches


def heatmap(subject: Scores | Comparison, *paths: str | Path) -> None:
    """Draw scores, or what changed between checkpoints, into each of `paths` (.png, .svg or .pdf).

    Of scores: one panel a model and kind of probe; one row a task, one column a layer; light to dark from 0 to 1,
    which reads in greyscale. The best layer of a row, by its dev score, is framed. Baselines stand apart on the left.
    Of a comparison see `reports.forgetting`.

    Raises InputError for anything else, for a path of another kind, and for scores of baselines only.
    """
    doors.of_type("subject", subject, (Scores, Comparison))
    doors.several("paths", paths, (str, Path))
    if isinstance(subject, Scores):
        save(partial(_figure, subject), *paths)
    else:
        save(partial(forgetting_figure, subject), *paths)


def _figure(scores: Scores) -> Any:
    from matplotlib.figure import Figure

    frame = scores.displayed()
    kinds = [kind for kind in frame["probe"].unique() if kind not in BASELINES]
    panels = [
        (model, kind)
        for model in frame["model"].unique()
        for kind in kinds
        if ((frame["model"] == model) & (frame["probe"] == kind)).any()
    ]
    if not panels:
        raise InputError("there are no layers to draw: the scores hold baselines only")
    grids = [_grid(frame, model, kind) for model, kind in panels]
    rows = [len(grid) for grid, _, _ in grids]
    columns = max(grid.shape[1] + baselines.shape[1] for grid, baselines, _ in grids)
    # A panel's title and axis take about two inches of height besides its cells.
    heights = [CELL_HEIGHT * n + 1.25 for n in rows]
    figure = Figure(figsize=(CELL_WIDTH * columns + 2.6, sum(heights)), layout="constrained")
    parts = figure.subfigures(len(panels), 1, squeeze=False, height_ratios=heights)[:, 0]
    most = max(grid.shape[1] for grid, _, _ in grids)
    for part, (model, kind), grid in zip(parts, panels, grids, strict=True):
        _panel(part, f"{model}: {kind} probes, score by layer", *grid, columns=most)
    return figure


def _grid(frame: pd.DataFrame, model: str, kind: str) -> tuple[pd.DataFrame, pd.DataFrame, list[int]]:
    """Scores of one panel, means over seeds: tasks × layers, tasks × baselines, and each task's best layer."""
    several = frame["corpus"].nunique() > 1
    mine = frame[frame["model"] == model]
    labels = {name: metric.label for name, metric in METRICS.items()}
    label = mine["task"] + " (" + mine["metric"].replace(labels) + ")"
    mine = mine.assign(row=label + ("\n" + mine["corpus"] if several else ""))
    order = list(dict.fromkeys(mine["row"]))
    layers = mine[mine["probe"] == kind].pivot_table(index="row", columns="layer", values="score")
    known = [name for name in BASELINES if (mine["probe"] == name).any()]
    baselines = mine[mine["probe"].isin(known)].pivot_table(index="row", columns="probe", values="score")
    rows = [row for row in order if row in layers.index]
    dev = mine[mine["probe"] == kind].pivot_table(index="row", columns="layer", values="dev_score")
    best = [int(dev.loc[row].astype(float).idxmax()) for row in rows]
    return layers.reindex(rows), baselines.reindex(index=rows, columns=known), best


def _panel(
    part: Any, title: str, grid: pd.DataFrame, baselines: pd.DataFrame, best: list[int], *, columns: int
) -> None:
    """Draw one; cells are as wide as those of a panel with `columns` layers."""
    from matplotlib.patches import Rectangle
    from matplotlib.patheffects import withStroke

    part.suptitle(title, fontsize=11, x=0.02, ha="left")
    left, right = part.subplots(1, 2, width_ratios=[max(baselines.shape[1], 1), columns], sharey=False)
    cells(left, baselines)
    cells(right, grid)
    right.set_xlim(0, columns)
    right.set_yticks([])
    right.set_xlabel("layer (0 = embeddings; frame = best on dev)")
    left.set_xlabel("without a model")
    for i, layer in enumerate(best):
        column = list(grid.columns).index(layer)
        place = (column + 0.04, i + 0.05), 0.92, 0.9
        # Black on light cells, white within it on dark ones.
        halo = [withStroke(linewidth=4.5, foreground="white")]
        right.add_patch(Rectangle(*place, fill=False, edgecolor="black", linewidth=2.2, path_effects=halo))


def cells(axes: Any, grid: pd.DataFrame) -> None:
    """Draw numbers in [0, 1] as cells, light to dark."""
    import seaborn as sns

    sns.heatmap(
        grid.astype(float),
        ax=axes,
        vmin=0,
        vmax=1.15,  # the darkest cells stay light enough for a black frame
        cmap="Greys",
        annot=True,
        fmt=".2f",
        annot_kws={"fontsize": 9},
        linewidths=1,
        linecolor="white",
        cbar=False,
    )
    axes.set_ylabel("")
    axes.tick_params(length=0, labelsize=9)
    axes.set_yticklabels(axes.get_yticklabels(), rotation=0)
    axes.set_xticklabels(axes.get_xticklabels(), rotation=0)
