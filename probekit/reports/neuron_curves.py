"""Neuron curves: score by the number of neurons that probes read, a line per ranking."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from matplotlib.lines import Line2D

from probekit.reports import colours
from probekit.reports.picture import Panel, log_axis
from probekit.reports.style import sized
from probekit.usage.neurons_found import KEPT, Neurons

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.artist import Artist
    from matplotlib.axes import Axes

WIDTH, HEIGHT = 4.0, 3.0  # inches


def neuron_curves(found: Neurons, greyscale: bool) -> list[Panel]:
    """One panel for each model, task and layer."""
    panels = []
    for (model, task, layer), rows in found.curve.groupby(["model", "task", "layer"], sort=False):
        draw = partial(_draw, frame=rows, greyscale=greyscale)
        panels.append(Panel(f"{model}: {task} at layer {layer}", WIDTH, HEIGHT, draw))
    return panels


def _draw(axes: Axes, *, frame: pd.DataFrame, greyscale: bool) -> list[Artist]:
    keys: list[Artist] = []
    ordered = frame.sort_values("neurons", kind="stable")
    for number, (method, rows) in enumerate(ordered.groupby("method", sort=False)):
        places, scores = (rows[name].to_numpy(dtype=float) for name in ("neurons", "score"))
        style: Any = colours.line_style(number, greyscale)
        ends = (rows[name].to_numpy(dtype=float) for name in ("ci_low", "ci_high"))
        axes.vlines(places, *ends, color=style["color"], linewidth=0.8)
        keys += axes.plot(
            places, scores, label=str(method), markersize=sized(4), linewidth=1.4, **style
        )
    whole = float(frame.loc[frame["neurons"].idxmax(), "score"])
    dotted: Any = {"color": "#555555", "linewidth": 0.9, "linestyle": ":"}
    axes.axhline(KEPT * whole, zorder=1, **dotted)
    keys.append(Line2D([], [], label=f"{KEPT:.0%} of the score of all neurons", **dotted))
    log_axis(axes)
    axes.tick_params(labelsize=sized(9))
    axes.spines[["top", "right"]].set_visible(False)
    axes.set(
        xlabel="neurons read (log scale)", ylabel=f"{frame['metric'].iloc[0]} on test (bar: 95%)"
    )
    return keys
