"""Learning curves: how a score grows with the training sentences, layer by layer."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from matplotlib.colors import to_hex

from probekit import doors
from probekit.errors import InputError
from probekit.probes.evidence_table import names_of, with_names
from probekit.probes.scores import Scores
from probekit.reports import colours
from probekit.reports.cells import Scale
from probekit.reports.picture import ACROSS, Panel, check, log_axis, picture
from probekit.reports.rows import layer_label
from probekit.reports.style import sized

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.artist import Artist
    from matplotlib.axes import Axes
    from matplotlib.colors import Colormap
    from matplotlib.figure import Figure

WIDTH, HEIGHT = 4.8, 3.6  # inches of a panel
LIGHTEST = 0.9  # place in a colour map: the last yellows are pale on white
LABEL_GAP = 0.05  # least distance of two labels, as a share of the axis
PANELS = ["model", "task", "corpus", "probe"]


def learning_curves(
    scores: Scores,
    *paths: str | Path,
    ax: Axes | None = None,
    greyscale: bool = False,
) -> Figure:
    """Draw scores by the number of training sentences (documents), a line per layer.

    There is a panel per model, task, corpus and kind of probe. A point is the score, on the next
    block of training sentences, of probes trained on all blocks before it (see `Code`); of several
    seeds it is the mean. Lines are darker the lower the layer; the lowest layer, the highest, and
    the best at the last point have marks, and their numbers beside them.

    Args:
        scores: of `probe` with `codelength=True`.
        paths: files to write the picture into (.png, .svg, .pdf), if any.
        ax: matplotlib axes for the picture, if it has one panel.
        greyscale: draw without colour.

    Returns the figure, which a notebook shows.

    Raises InputError for arguments of another type, for paths with another ending, and for scores
    without learning curves; StoreError where a file cannot be written.
    """
    doors.of_type("scores", scores, Scores)
    check(paths, ax, greyscale)
    if scores.learning_curves is None or scores.learning_curves.empty:
        raise InputError("these scores have no learning curves: run probe with codelength=True")
    table = with_names(scores.learning_curves, names_of(scores.table, scores.displayed()))
    table = table[table["labels"] == "gold"]
    layers = sorted(table["layer"].unique().tolist())
    shades = _shades(greyscale)
    panels = []
    for (model, task, corpus, probe), rows in table.groupby(PANELS, sort=False):
        draw = partial(_draw, frame=rows, layers=layers, shades=shades)
        panels.append(Panel(f"{task} ({corpus})\n{model}, {probe}", WIDTH, HEIGHT, draw))
    ends = float(layers[0]), float(max(layers[-1], layers[0] + 1))
    ticks = str(layers[0]), str(layers[-1])
    scale = Scale(shades, ends, layer_label("layer", set(table["site"])), ticks)
    bar = scale.bar if len(layers) > 1 else None
    return picture(panels, *paths, ax=ax, across=ACROSS, bar=bar)


def _shades(greyscale: bool) -> Colormap:
    """From dark for the lowest layer to light for the highest."""
    if greyscale:
        return colours.greys("#000000", "#b0b0b0")
    whole = colours.colour_map("viridis", "viridis")
    return colours.greys(*(to_hex(whole(LIGHTEST * step / 16)) for step in range(17)))


def _draw(
    axes: Axes, *, frame: pd.DataFrame, layers: Sequence[int], shades: Colormap
) -> list[Artist]:
    means = frame.groupby(["layer", "sentences"])["score"].mean().unstack("layer")
    last = means.iloc[-1]
    chosen = list(dict.fromkeys([last.index[0], last.index[-1], last.idxmax()]))
    span = max(layers[-1] - layers[0], 1)
    for layer in means.columns:
        curve, colour = means[layer], shades((layer - layers[0]) / span)
        line: dict[str, Any] = {"color": colour, "linewidth": 1.1}
        if layer in chosen:
            mark = colours.MARKERS[chosen.index(layer)]
            line |= {"linewidth": 1.8, "marker": mark, "markersize": sized(5), "zorder": 3}
        axes.plot(curve.index, curve, label=f"layer {layer}", **line)
    log_axis(axes)
    axes.tick_params(labelsize=sized(9))
    axes.spines[["top", "right"]].set_visible(False)
    unit = f"{frame['context'].iloc[0]}s"
    axes.set(
        xlabel=f"training {unit} (log scale)",
        ylabel=f"{frame['metric'].iloc[0]} on the next {unit}",
    )
    _label(axes, last[chosen], means.index[-1])
    return []


def _label(axes: Axes, ends: pd.Series, place: float) -> None:
    """Name lines at their ends, which are scores by layer: none nearer to another than
    LABEL_GAP."""
    low, high = axes.get_ylim()
    least = LABEL_GAP * (high - low)
    below = float("-inf")
    ordered = ends.sort_values()
    heights = []
    for score in ordered:
        below = max(score, below + least)
        heights.append(below)
    moved = sum(heights) / len(heights) - ordered.mean()  # some up, others down
    for layer, height in zip(ordered.index, heights, strict=True):
        best = " (best)" if layer == ends.idxmax() and len(ends) > 1 else ""
        axes.text(
            place * 1.15, height - moved, f"layer {layer}{best}", fontsize=sized(8.5), va="center"
        )
