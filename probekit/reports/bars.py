"""Bars: what a drop is made of, stacked by layer; or what erasures break, before and after."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.patches import Patch

from probekit import doors
from probekit.forgetting.comparison import PARTS, Comparison
from probekit.reports.changes import LEAST_RANGE
from probekit.reports.picture import ACROSS, Panel, check, picture
from probekit.reports.style import sized
from probekit.reports.use_bars import use_bars
from probekit.usage.use_change import UseChange

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

WIDTH, HEIGHT = 4.2, 3.2  # inches of a panel
# Shades that differ in greyscale too; hatches tell parts apart where they have no colour.
COLOURS = {
    "rotation": "#56b4e9",
    "re_encoding": "#0072b2",
    "relocation": "#f0c808",
    "loss": "#7a1020",
}
GREYS = {
    "rotation": "#b8b8b8",
    "re_encoding": "#7d7d7d",
    "relocation": "#e4e4e4",
    "loss": "#303030",
}
HATCHES = {"rotation": "\\\\\\", "re_encoding": "///", "relocation": "...", "loss": "xxx"}
LABELS = {
    "rotation": "rotation: read again after a linear map",
    "re_encoding": "re-encoding: read again by a new probe",
    "relocation": "relocation: read at another layer, and not there before",
    "loss": "loss: not read again by any of these",
}


def bars(
    comparison: Comparison | UseChange,
    *paths: str | Path,
    ax: Axes | None = None,
    greyscale: bool = False,
) -> Figure:
    """Draw bars by layer, in points.

    - A comparison: what the drop of a probe trained before is made of, a panel per checkpoint, task
      and corpus. Gains are below zero. A part whose 95% interval includes 0 is white, with its
      hatch.
    - A change of use: what erasing a task at each layer costs before and after, side by side, a
      panel per checkpoint, task erased and thing measured.

    Args:
        comparison: what is drawn.
        paths: files to write the picture into (.png, .svg, .pdf), if any.
        ax: matplotlib axes for the picture, if it has one panel.
        greyscale: draw without colour.

    Returns the figure, which a notebook shows.

    Raises InputError for arguments of another type and for paths with another ending; StoreError
    where a file cannot be written.
    """
    doors.of_type("comparison", comparison, (Comparison, UseChange))
    check(paths, ax, greyscale)
    if isinstance(comparison, UseChange):
        panels = use_bars(comparison, greyscale)
    else:
        panels = _panels(comparison, greyscale)
    return picture(panels, *paths, ax=ax, across=ACROSS)


def _panels(comparison: Comparison, greyscale: bool) -> list[Panel]:
    found: list[Panel] = []
    if comparison.decomposition.empty:
        return found
    keys = ["before", "after", "task", "corpus"]
    for (before, after, task, corpus), rows in comparison.decomposition.groupby(keys, sort=False):
        width = max(WIDTH, 0.3 * len(rows) + 1)
        draw = partial(_draw, frame=rows, greyscale=greyscale)
        title = f"{task} ({corpus})\n{before} → {after}"
        found.append(Panel(title, width, HEIGHT, draw))
    return found


def _draw(axes: Axes, *, frame: pd.DataFrame, greyscale: bool) -> list[Patch]:
    shades = GREYS if greyscale else COLOURS
    axes.use_sticky_edges = False  # bars would stick to the frame
    layers = frame["layer"].astype(str).tolist()
    above = below = np.zeros(len(frame))
    for part in PARTS:
        values = 100 * frame[part].fillna(0).to_numpy(dtype=float)
        base = np.where(values >= 0, above, below)
        drawn = axes.bar(layers, values, bottom=base, edgecolor="black", linewidth=0.6)
        ends = zip(frame[f"{part}_low"], frame[f"{part}_high"], strict=True)
        for bar, (low, high) in zip(drawn, ends, strict=True):
            _colour(bar, part, shades, clear=low > 0 or high < 0)
        above, below = above + values.clip(min=0), below + values.clip(max=0)
    axes.axhline(0, color="black", linewidth=0.8)
    axes.margins(y=0.08)
    low, high = axes.get_ylim()
    axes.set_ylim(min(low, -0.1 * LEAST_RANGE), max(high, LEAST_RANGE))
    axes.set_xlabel("layer", fontsize=sized(9))
    axes.set_ylabel("drop in points", fontsize=sized(9))
    axes.tick_params(labelsize=sized(9))
    axes.spines[["top", "right"]].set_visible(False)
    return _keys(shades)


def _colour(patch: Any, part: str, shades: dict[str, str], *, clear: bool) -> None:
    """Colour where the interval of a part excludes 0; else white, with a faint hatch."""
    patch.set_facecolor(shades[part] if clear else "white")
    patch.set_hatch(HATCHES[part])
    patch.set_hatchcolor("white" if clear and part in ("loss", "re_encoding") else "#555555")
    patch.set_hatch_linewidth(0.6)
    if not clear:
        patch.set_edgecolor("#999999")


def _keys(shades: dict[str, str]) -> list[Patch]:
    found = []
    for part in PARTS:
        key = Patch(edgecolor="black", linewidth=0.6, label=LABELS[part])
        _colour(key, part, shades, clear=True)
        found.append(key)
    label = "white, with a part's hatch: its 95% interval includes 0"
    found.append(Patch(facecolor="white", edgecolor="#999999", label=label))
    return found
