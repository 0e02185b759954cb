"""Use bars: what erasing a task at each layer costs, before and after fine-tuning, side by side."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from probekit.reports.changes import LEAST_RANGE
from probekit.reports.picture import Panel
from probekit.reports.style import sized
from probekit.usage.erasure import LEVEL, RETRAINED, label_of
from probekit.usage.use_change import UseChange

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.artist import Artist
    from matplotlib.axes import Axes

WIDTH, HEIGHT = 4.2, 3.2  # inches of a panel
BAR = 0.38  # of the distance between layers
SIDES = ("before", "after")
COLOURS = {"before": "#0a3a5c", "after": "#f0a030"}
GREYS = {"before": "#303030", "after": "#d0d0d0"}
HATCHES = {"before": "", "after": "///"}
DETECTED = "*"
PANEL = ["before", "after", "erased", "corpus", "measured"]


def use_bars(found: UseChange, greyscale: bool) -> list[Panel]:
    """One panel for each checkpoint after, task erased and thing measured above."""
    rows = found.summary()
    rows = rows[rows["probe"] != RETRAINED]
    if rows.empty:
        return []
    rows = rows.assign(measured=[label_of(row) for _, row in rows.iterrows()])
    panels = []
    for (before, after, erased, corpus, measured), each in rows.groupby(PANEL, sort=False):
        width = max(WIDTH, 0.45 * len(each) + 1)
        draw = partial(_draw, frame=each, shades=GREYS if greyscale else COLOURS)
        title = f"{erased} erased, {measured} measured ({corpus})\n{before} → {after}"
        panels.append(Panel(title, width, HEIGHT, draw))
    return panels


def _draw(axes: Axes, *, frame: pd.DataFrame, shades: dict[str, str]) -> list[Artist]:
    rows = frame.sort_values("layer", kind="stable")
    places = np.arange(len(rows))
    axes.use_sticky_edges = False  # bars would stick to the frame
    for side, moved in zip(SIDES, (-BAR / 2, BAR / 2), strict=True):
        drop = 100 * rows[f"drop_{side}"].to_numpy(dtype=float)
        low, high = (100 * rows[f"drop_{side}_{end}"].to_numpy() for end in ("low", "high"))
        style: Any = {"color": shades[side], "hatch": HATCHES[side], "edgecolor": "black"}
        axes.bar(places + moved, drop, BAR, linewidth=0.6, **style)
        bar: Any = {"linestyle": "none", "ecolor": "#7a7a7a", "elinewidth": 1.4, "capsize": 2}
        axes.errorbar(places + moved, drop, [drop - low, high - drop], **bar)
        random = drop - 100 * rows[f"beyond_{side}"].to_numpy(dtype=float)
        axes.plot(places + moved, random, **_random_mark())
    for place, (_, row) in zip(places, rows.iterrows(), strict=True):
        if row["p_adjusted"] <= LEVEL:
            top = 100 * max(row["drop_before_high"], row["drop_after_high"], 0)
            axes.text(float(place), top, DETECTED, ha="center", va="bottom", fontsize=sized(11))
    axes.axhline(0, color="black", linewidth=0.8)
    axes.margins(y=0.1)
    low, high = axes.get_ylim()
    axes.set_ylim(min(low, -0.1 * LEAST_RANGE), max(high, LEAST_RANGE))
    axes.set_xticks(places, rows["layer"].astype(str).tolist())
    label = f"layer erased ({DETECTED}: the drops differ, p ≤ {LEVEL:g} corrected)"
    axes.set_xlabel(label, fontsize=sized(9))
    axes.set_ylabel("drop in points (bar: 95%)", fontsize=sized(9))
    axes.tick_params(labelsize=sized(9))
    axes.spines[["top", "right"]].set_visible(False)
    return _keys(shades)


def _random_mark() -> dict[str, Any]:
    """How the drop by random dimensions is drawn."""
    return {
        "linestyle": "none",
        "marker": "D",
        "markersize": sized(4),
        "markerfacecolor": "white",
        "markeredgecolor": "black",
    }


def _keys(shades: dict[str, str]) -> list[Artist]:
    keys: list[Artist] = []
    for side in SIDES:
        style: Any = {"facecolor": shades[side], "hatch": HATCHES[side], "edgecolor": "black"}
        keys.append(Patch(label=f"{side} fine-tuning", linewidth=0.6, **style))
    keys.append(Line2D([], [], label="as many random dimensions erased", **_random_mark()))
    return keys
