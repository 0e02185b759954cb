"""Label curves: score by the number of labels, a line per method."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.lines import Line2D

from probekit.reports import colours
from probekit.reports.picture import Panel, log_axis
from probekit.reports.style import sized
from probekit.tuning.transferred import Transfer

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.artist import Artist
    from matplotlib.axes import Axes

WIDTH, HEIGHT = 6.0, 4.2  # inches
ASIDE = 0.035  # of the axis by which neighbouring methods are moved apart, so that bars do not meet
NAMES = {
    "ngrams": "n-grams, logistic regression",
    "static": "static vectors, logistic regression",
    "frozen": "frozen (pre-trained)",
    "full": "full (pre-trained)",
    "scratch": "scratch (random weights)",
}


def label_curves(transfer: Transfer, greyscale: bool) -> list[Panel]:
    """One panel for each model and data set."""
    found = []
    for (model, data), rows in transfer.curves.groupby(["model", "data"], sort=False):
        draw = partial(_draw, frame=rows, greyscale=greyscale)
        found.append(Panel(f"{data}\npre-trained: {model}", WIDTH, HEIGHT, draw))
    return found


def _draw(axes: Axes, *, frame: pd.DataFrame, greyscale: bool) -> list[Artist]:
    methods = list(dict.fromkeys(frame["method"]))
    span = np.log(frame["train_examples"].max() / frame["train_examples"].min()) or 1.0
    keys: list[Artist] = []
    for number, method in enumerate(methods):
        rows = frame[frame["method"] == method].sort_values("train_examples")
        aside = np.exp(span * ASIDE * (number - (len(methods) - 1) / 2) / 2)
        places = rows["train_examples"].to_numpy(dtype=float) * aside
        scores = rows["score"].to_numpy(dtype=float)
        ends = rows[["ci_low", "ci_high"]].to_numpy(dtype=float)
        label = NAMES.get(str(method), str(method))
        style: Any = colours.line_style(number, greyscale)
        axes.vlines(places, ends[:, 0], ends[:, 1], color=style["color"], linewidth=1.1, zorder=2)
        size: Any = {"markersize": sized(6), "linewidth": 1.6, "zorder": 3}
        keys += axes.plot(places, scores, label=label, **style, **size)
    floor = float(frame["majority"].iloc[0])
    dotted: Any = {"color": "#555555", "linewidth": 0.9, "linestyle": ":"}
    axes.axhline(floor, zorder=1, **dotted)
    keys.append(Line2D([], [], label="always the most frequent label", **dotted))
    log_axis(axes)
    axes.set_xticks(sorted(set(frame["train_examples"])))
    axes.minorticks_off()
    axes.tick_params(labelsize=sized(9))
    axes.spines[["top", "right"]].set_visible(False)
    seeds = int(frame["seeds"].iloc[0])
    over = f"mean of {seeds} seeds, bars: 95%" if seeds > 1 else "bars: 95%, one seed"
    axes.set(
        xlabel="training examples with labels (log scale)",
        ylabel=f"{frame['metric'].iloc[0]} on test ({over})",
    )
    return keys
