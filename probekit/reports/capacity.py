"""Capacity: scores of smaller and larger probes, against the number of their parameters."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from matplotlib.lines import Line2D

from probekit import doors
from probekit.errors import InputError
from probekit.probes.evidence_table import names_of, with_names
from probekit.probes.scores import Scores
from probekit.reports import colours
from probekit.reports.picture import ACROSS, Panel, check, log_axis, picture
from probekit.reports.style import sized

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

WIDTH, HEIGHT = 4.8, 3.6  # inches of a panel
FAMILIES = {"rank": "rank:N (rank N)", "linear": "linear", "mlp": "mlp:N (N hidden units)"}
"""The kinds of probe, as the legend has them. Each has a mark and a colour."""
USUAL_UNITS = "64"  # of `mlp`, whose name lacks them


def capacity(
    scores: Scores,
    *paths: str | Path,
    layer: int | None = None,
    ax: Axes | None = None,
    greyscale: bool = False,
) -> Figure:
    """Draw scores of smaller and larger probes against the number of their parameters.

    There is a panel per model, task and corpus. A filled mark is on the Pareto front: no
    smaller probe scores as high. A number beside a mark is the rank of a rank
    probe, or the hidden units of an MLP. Vertical bars are 95% intervals.

    Args:
        scores: of `probe` with `capacity=True`.
        paths: files to write the picture into (.png, .svg, .pdf), if any.
        layer: by default the one at which any of the probes has the best dev score.
        ax: matplotlib axes for the picture, if it has one panel.
        greyscale: draw without colour.

    Returns the figure, which a notebook shows.

    Raises InputError for arguments of another type, for paths with another ending, for a layer
    without scores, and for scores without a capacity table; StoreError where a file cannot be
    written.
    """
    doors.of_type("scores", scores, Scores)
    doors.optional("layer", layer, int)
    check(paths, ax, greyscale)
    if scores.capacity is None or scores.capacity.empty:
        raise InputError("these scores have no table of capacity: run probe with capacity=True")
    table = with_names(scores.capacity, names_of(scores.table, scores.displayed()))
    panels = []
    for (model, task, corpus), rows in table.groupby(["model", "task", "corpus"], sort=False):
        chosen = int(rows.loc[rows["dev_score"].idxmax(), "layer"]) if layer is None else layer
        mine = rows[rows["layer"] == chosen].sort_values("parameters")
        if mine.empty:
            known = ", ".join(map(str, sorted(rows["layer"].unique())))
            raise InputError(f"layer={chosen} has no scores: known: {known}")
        best = " (best on dev)" if layer is None else ""
        title = f"{task} ({corpus})\n{model}, layer {chosen}{best}"
        panels.append(Panel(title, WIDTH, HEIGHT, partial(_draw, frame=mine, greyscale=greyscale)))
    return picture(panels, *paths, ax=ax, across=ACROSS)


def _draw(axes: Axes, *, frame: pd.DataFrame, greyscale: bool) -> list[Line2D]:
    front = frame[frame["on_front"] == 1]
    line: dict[str, Any] = {"color": "#555555", "linewidth": 1, "linestyle": (0, (4, 2))}
    axes.plot(front["parameters"], front["score"], zorder=2, **line)
    keys = []
    for number, (family, label) in enumerate(FAMILIES.items()):
        rows = frame[frame["probe"].str.partition(":")[0] == family]
        if rows.empty:
            continue
        style = colours.line_style(number, greyscale)
        mark: dict[str, Any] = {"color": style["color"], "marker": style["marker"]}
        mark |= {"markersize": sized(6), "linestyle": "none"}
        for _, row in rows.iterrows():
            _point(axes, row, mark, to_the_left=family == "rank")
        keys.append(Line2D([], [], label=label, **mark))
    hollow: dict[str, Any] = {"color": "black", "marker": "o", "markersize": sized(6)}
    off_front = "hollow: beaten by one as small"
    keys.append(
        Line2D([], [], markerfacecolor="white", linestyle="none", label=off_front, **hollow)
    )
    keys.append(Line2D([], [], label="Pareto front", **line))
    log_axis(axes)
    axes.margins(x=0.08, y=0.12)
    axes.set(
        xlabel="parameters of a probe (log scale)",
        ylabel=f"{frame['metric'].iloc[0]} (bar: 95%)",
    )
    axes.tick_params(labelsize=sized(9))
    axes.spines[["top", "right"]].set_visible(False)
    return keys


def _point(axes: Axes, row: pd.Series, mark: dict[str, Any], *, to_the_left: bool) -> None:
    """A probe's mark, its interval, and its size beside it."""
    place = row["parameters"], row["score"]
    axes.vlines(place[0], row["ci_low"], row["ci_high"], color=mark["color"], linewidth=0.8)
    # Where marks overlap, a hollow one hides nothing.
    face = mark["color"] if row["on_front"] else "none"
    axes.plot(*place, markerfacecolor=face, zorder=3, **mark)
    family, _, size = str(row["probe"]).partition(":")
    text = size or (USUAL_UNITS if family == "mlp" else "")
    offset, side = ((-4, 4), "right") if to_the_left else ((4, -11), "left")
    about: dict[str, Any] = {"textcoords": "offset points", "fontsize": sized(8), "ha": side}
    axes.annotate(text, place, offset, zorder=4, **about)
