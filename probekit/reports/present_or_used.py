"""Present or used: what probes read, against what the model does, over several checkpoints."""

from __future__ import annotations

from functools import partial
from math import isnan
from pathlib import Path
from typing import TYPE_CHECKING

from probekit import doors
from probekit.errors import InputError
from probekit.forgetting.comparison import Comparison
from probekit.reports import colours
from probekit.reports.picture import Panel, check, picture
from probekit.reports.style import sized

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.lines import Line2D

WIDTH, HEIGHT = 4.6, 3.6  # inches


def present_or_used(
    comparison: Comparison,
    *paths: str | Path,
    ax: Axes | None = None,
    greyscale: bool = False,
) -> Figure:
    """Draw the change of probes at their best layers against that of behaviour, a point per
    checkpoint.

    A panel per task of probes and of behaviour, with the rank correlation and its 95% interval.
    Bars are the 95% intervals of the changes.

    Args:
        comparison: of several checkpoints after, with tasks of both kinds.
        paths: files to write the picture into (.png, .svg, .pdf), if any.
        ax: matplotlib axes for the picture, if it has one panel.
        greyscale: draw without colour.

    Returns the figure, which a notebook shows.

    Raises InputError for arguments of another type, for paths with another ending, and for a
    comparison without several checkpoints or without tasks of both kinds; StoreError where a file
    cannot be written.
    """
    doors.of_type("comparison", comparison, Comparison)
    check(paths, ax, greyscale)
    if comparison.together.empty:
        raise InputError(
            "there is nothing to draw: compare at least two checkpoints after, with a task of "
            "probes and one of behaviour on one corpus"
        )
    panels = []
    for _, row in comparison.together.iterrows():
        draw = partial(_draw, row=row, comparison=comparison, greyscale=greyscale)
        panels.append(Panel(_title(row), WIDTH, HEIGHT, draw))
    return picture(panels, *paths, ax=ax, across=min(3, len(panels)))


def _title(row: pd.Series) -> str:
    if isnan(row["rho"]):
        found = "one does not vary"
    elif isnan(row["rho_low"]):
        found = f"ρ = {row['rho']:.2f}, n = {row['checkpoints']}"
    else:
        found = f"ρ = {row['rho']:.2f} ({row['rho_low']:.2f} to {row['rho_high']:.2f})"
    return f"{row['probe_task']} and {row['task']} ({row['metric']}): {found}"


def _draw(axes: Axes, *, row: pd.Series, comparison: Comparison, greyscale: bool) -> list[Line2D]:
    best, behaviour = comparison.best, comparison.behaviour
    corpus = row["corpus"]
    probed = best[(best["task"] == row["probe_task"]) & (best["corpus"] == corpus)]
    mine = (behaviour["task"] == row["task"]) & (behaviour["metric"] == row["metric"])
    behaved = behaviour[mine & (behaviour["corpus"] == corpus)].set_index("after")
    style = colours.line_style(0, greyscale)
    scale = 100 if row["metric"] == "accuracy" else 1
    for _, point in probed.iterrows():
        other = behaved.loc[point["after"]]
        x, y = 100 * point["delta"], scale * other["delta"]
        axes.errorbar(
            x,
            y,
            xerr=[[x - 100 * point["ci_low"]], [100 * point["ci_high"] - x]],
            yerr=[[y - scale * other["ci_low"]], [scale * other["ci_high"] - y]],
            color=style["color"],
            marker=style["marker"],
            markersize=sized(5),
            linewidth=0.8,
        )
        name = str(point["after"]).rstrip("/").rpartition("/")[2]
        axes.annotate(name, (x, y), (4, 4), textcoords="offset points", fontsize=sized(8))
    axes.axhline(0, color="0.8", linewidth=0.6, zorder=0)
    axes.axvline(0, color="0.8", linewidth=0.6, zorder=0)
    unit = "points" if scale == 100 else "bits per word"
    axes.set(
        xlabel=f"change of the probe of {row['probe_task']}, in points (bar: 95%)",
        ylabel=f"change of {row['task']}, in {unit} (bar: 95%)",
    )
    axes.tick_params(labelsize=sized(8))
    axes.spines[["top", "right"]].set_visible(False)
    return []
