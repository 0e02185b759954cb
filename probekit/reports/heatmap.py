"""Heatmap: cells of layers, with numbers: scores, what changed, or what is retained."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from probekit import doors
from probekit.forgetting.comparison import Comparison
from probekit.forgetting.trajectory import Trajectory
from probekit.probes.baselines import BASELINES
from probekit.probes.random_table import best_random
from probekit.probes.scores import Scores
from probekit.probes.structural.baselines import TREE_BASELINES
from probekit.reports import breaks, changes, colours, flows, retained
from probekit.reports.cells import (
    CELL_HEIGHT,
    PANEL_HEIGHT,
    CellStyle,
    Scale,
    cell_width,
    frame_cell,
    show_cells,
    write_in_cell,
)
from probekit.reports.picture import Panel, check, picture
from probekit.reports.rows import layer_label, probes_and_baselines
from probekit.stats.metrics import METRICS
from probekit.stats.tree_metrics import TREE_METRICS
from probekit.usage.attribution import Attribution
from probekit.usage.erasure import Erasure

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

LEAST_RANGE = 0.05  # of scores: smaller differences between layers do not fill the colour scale
GAP = 0.35  # columns between baselines and layers
RANDOM = "random_weights"


def heatmap(
    subject: Scores | Comparison | Trajectory | Erasure | Attribution,
    *paths: str | Path,
    ax: Axes | None = None,
    cmap: str | None = None,
    vmin: float | None = None,
    vmax: float | None = None,
    digits: int | None = None,
    greyscale: bool = False,
) -> Figure:
    """Draw cells of layers, with their numbers.

    - Scores: a panel per model and kind of probe, a row per task, a column per layer, and the
      baselines on the left, with the best layer of random weights where these were probed. The best
      layer of a row, by its dev score, is framed. Each row has a colour scale of its own, from its
      lowest to its highest score.
    - A comparison: a panel per checkpoint, changes in points; those not detected are grey and in
      brackets. The colour scale covers at least 5 points either way.
    - A trajectory: a panel per task, the retention by layer and step.
    - An erasure: change in points by the layer erased, a row for each thing erased and measured.
    - An attribution: of a text a panel per decision, layers × words, what flows through each; of a
      corpus labels × places relative to the span.

    Args:
        subject: what is drawn.
        paths: files to write the picture into (.png, .svg, .pdf), if any.
        ax: matplotlib axes for the picture, if it has one panel.
        cmap: name of a colour map of matplotlib.
        vmin, vmax: ends of one colour scale for all cells, in the unit of the numbers.
        digits: decimals of the numbers.
        greyscale: draw without colour.

    Returns the figure, which a notebook shows.

    Raises InputError for arguments of another type, for paths with another ending, and for scores
    of baselines only; StoreError where a file cannot be written.
    """
    kinds = (Scores, Comparison, Trajectory, Erasure, Attribution)
    doors.of_type("subject", subject, kinds)
    check(paths, ax, greyscale)
    style = CellStyle.checked(cmap, vmin, vmax, digits, greyscale)
    if isinstance(subject, Scores):
        panels, scale = _panels(subject, style)
    elif isinstance(subject, Comparison):
        panels, scale = changes.panels(subject, style)
    elif isinstance(subject, Erasure):
        panels, scale = breaks.panels(subject, style)
    elif isinstance(subject, Attribution):
        panels, scale = flows.panels(subject, style)
    else:
        panels, scale = retained.panels(subject, style)
    across = 3 if isinstance(subject, Trajectory) else 1
    return picture(panels, *paths, ax=ax, across=across, bar=scale.bar)


class _Grid(NamedTuple):
    """Scores of a panel, means over seeds: tasks × layers and tasks × baselines; the best layer of
    each task; the sites read."""

    layers: pd.DataFrame
    baselines: pd.DataFrame
    best: list[int]
    sites: set[str]

    @property
    def columns(self) -> float:
        """The width of all cells, and of the gap between baselines and layers."""
        n = self.baselines.shape[1]
        return self.layers.shape[1] + (n + GAP if n else 0)


def _panels(scores: Scores, style: CellStyle) -> tuple[list[Panel], Scale]:
    import pandas as pd

    trained, baselines = probes_and_baselines(scores)
    random = best_random(scores.table, scores.displayed())
    grids: list[tuple[str, _Grid]] = []
    for (model, kind), rows in trained.groupby(["model", "probe"], sort=False):
        title = f"{model}: {kind} probes{_on(rows)}, score by layer ({_seeds(rows)})"
        of_random = random[(random["model"] == model) & (random["probe"] == kind)]
        without = [baselines[baselines["model"] == model], of_random.assign(probe=RANDOM)]
        grids.append((title, _grid(rows, pd.concat(without))))
    columns = max(grid.columns for _, grid in grids)  # cells have the same width in all panels
    width = cell_width(style.decimals(2)) * columns + 2.6
    scale = _scale([grid for _, grid in grids], style)
    found = []
    for title, grid in grids:
        draw = partial(_draw, grid=grid, style=style, scale=scale, columns=columns)
        found.append(Panel(title, width, CELL_HEIGHT * len(grid.layers) + PANEL_HEIGHT, draw))
    return found, scale


def _scale(grids: list[_Grid], style: CellStyle) -> Scale:
    """The colours of all panels: of each row's range, or of all scores if an end is given."""
    colour_map = style.colour_map(colours.SCORES, colours.SCORES_GREY)
    if not style.has_ends:
        label = f"each row from its lowest to its highest score, at least {LEAST_RANGE:g} apart"
        return Scale(colour_map, (0.0, 1.0), label, ("lowest", "highest"))
    values = np.concatenate([grid.layers.to_numpy(dtype=float).ravel() for grid in grids])
    reach = float(np.nanmin(values)), float(np.nanmax(values))
    return Scale(colour_map, style.ends(*reach), "score", reach=reach)


def _on(rows: pd.DataFrame) -> str:
    """The corpus, unless rows name it."""
    return f" on {rows['corpus'].iloc[0]}" if rows["corpus"].nunique() == 1 else ""


def _seeds(rows: pd.DataFrame) -> str:
    numbers = rows.groupby(["task", "corpus", "layer"])["seed"].nunique()
    least, most = int(numbers.min()), int(numbers.max())
    if most == 1:
        return "1 seed"
    return f"mean of {most if least == most else f'{least} to {most}'} seeds"


def _grid(rows: pd.DataFrame, without: pd.DataFrame) -> _Grid:
    several = rows["corpus"].nunique() > 1
    rows, without = _with_labels(rows, several), _with_labels(without, several)
    layers = rows.pivot_table(index="row", columns="layer", values="score", sort=False)
    layers = layers[sorted(layers.columns)]
    dev = rows.pivot_table(index="row", columns="layer", values="dev_score", sort=False)
    best = [int(dev.loc[row].astype(float).idxmax()) for row in layers.index]
    baselines = without.pivot_table(index="row", columns="probe", values="score")
    columns = (RANDOM, *BASELINES, *TREE_BASELINES)
    known = [name for name in columns if name in baselines.columns]
    baselines = baselines.reindex(index=layers.index, columns=known)
    return _Grid(layers, baselines, best, set(rows["site"]))


def _with_labels(frame: pd.DataFrame, several: bool) -> pd.DataFrame:
    """With a column `row`, the label of a row of cells, which names one of several corpora."""
    short = {name: metric.label for name, metric in METRICS.items()}
    short.update({name: metric.label for name, metric in TREE_METRICS.items()})
    labels = frame["task"] + " (" + frame["metric"].replace(short) + ")"
    if several:
        labels = labels + "\n" + frame["corpus"]
    return frame.assign(row=labels)


def _draw(axes: Axes, *, grid: _Grid, style: CellStyle, scale: Scale, columns: float) -> list[Any]:
    values = grid.layers.astype(float)
    cells = values if style.has_ends else _by_row(values)
    show_cells(axes, cells, style.texts(values, 2), scale)
    for row, layer in enumerate(grid.best):
        frame_cell(axes, row, list(values.columns).index(layer))
    _baselines(axes, grid.baselines, style)
    start = axes.get_xlim()[0]
    axes.set_xlim(start, start + columns)
    label = layer_label("layer", grid.sites, "framed: best on dev")
    axes.set_xlabel(label + _without(grid.baselines))
    return []


def _without(baselines: pd.DataFrame) -> str:
    if RANDOM in baselines:
        return "; on the left: random weights at their best layer, and baselines"
    return "; baselines, on the left, use no model" if baselines.shape[1] else ""


def _by_row(values: pd.DataFrame) -> pd.DataFrame:
    """Each row from 0, its lowest score, to 1, its highest; they are at least LEAST_RANGE apart."""
    highest = values.max(axis=1)
    ranges = (highest - values.min(axis=1)).clip(lower=LEAST_RANGE)
    return 1 - values.rsub(highest, axis=0).div(ranges, axis=0)


def _baselines(axes: Axes, baselines: pd.DataFrame, style: CellStyle) -> None:
    """Draw them left of the layers, without colours."""
    n = baselines.shape[1]
    if not n:
        return
    start = -n - GAP
    for (row, column), text in np.ndenumerate(style.texts(baselines.astype(float), 2)):
        place = start + column + 0.5, row + 0.5
        write_in_cell(axes, place, text, "black")
    axes.set_xlim(start, axes.get_xlim()[1])
    labels = [label.get_text() for label in axes.get_xticklabels()]
    places = [start + column + 0.5 for column in range(n)]
    names = [name.replace("_", "\n") for name in baselines.columns]
    axes.set_xticks([*places, *axes.get_xticks()], [*names, *labels])
