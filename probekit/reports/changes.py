"""Changes between checkpoints as cells: tasks × layers, in points."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from probekit.forgetting.comparison import Comparison
from probekit.reports import colours
from probekit.reports.cells import CELL_HEIGHT, CellStyle, cell_width, show_cells
from probekit.reports.picture import Panel
from probekit.reports.rows import layer_label, sites_of

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

LEVEL = 0.05
LEAST_RANGE = 5.0  # points either way: a change of 0.1 is not drawn as a collapse


def panels(comparison: Comparison, style: CellStyle) -> list[Panel]:
    """One for each checkpoint after."""
    frame, found = comparison.comparison, list[Panel]()
    if frame.empty:
        return found
    not_detected = "grey, in brackets: change not detected"
    label = layer_label("layer before", sites_of(comparison), not_detected)
    for (before, after), rows in frame.groupby(["before", "after"], sort=False):
        n_rows = rows.groupby(["task", "corpus"]).ngroups
        columns = rows["layer"].nunique()
        width = max((cell_width(style.decimals(1)) + 0.2) * columns + 2.2, 6.4)
        title = f"{before} → {after}{_on(rows)}: change of score, in points{_seeds(rows)}"
        draw = partial(_draw, frame=rows, style=style, label=label)
        found.append(Panel(title, width, CELL_HEIGHT * n_rows + 1.9, draw))
    return found


def _on(rows: pd.DataFrame) -> str:
    """The corpus, unless rows name it."""
    return f" on {rows['corpus'].iloc[0]}" if rows["corpus"].nunique() == 1 else ""


def _seeds(rows: pd.DataFrame) -> str:
    if "seeds" not in rows or rows["seeds"].isna().all():
        return ""
    seeds = int(rows["seeds"].max())
    return f" ({'1 seed' if seeds == 1 else f'mean of {seeds} seeds'})"


def _draw(axes: Axes, *, frame: pd.DataFrame, style: CellStyle, label: str) -> list[Any]:
    several = frame["corpus"].nunique() > 1
    named = frame.assign(row=frame["task"] + ("\n" + frame["corpus"] if several else ""))
    delta = named.pivot_table(index="row", columns="layer", values="delta", sort=False) * 100
    delta = delta[sorted(delta.columns)]
    adjusted = named.pivot_table(index="row", columns="layer", values="p_adjusted", sort=False)
    adjusted = adjusted.reindex(index=delta.index, columns=delta.columns)
    clear = (adjusted <= LEVEL).to_numpy()
    limit = max(float(np.nanmax(np.abs(delta))), LEAST_RANGE)
    texts = style.texts(delta, 1, "+")
    for place in np.argwhere(~clear):
        texts[tuple(place)] = f"({texts[tuple(place)]})"
    colour_map = style.colour_map(colours.CHANGES, colours.CHANGES_GREY)
    ends = style.ends(-limit, limit)
    mesh = show_cells(axes, delta.where(clear), texts, colour_map, ends)
    for text, stands_out in zip(axes.texts, clear.flat, strict=True):
        text.set_fontweight("bold" if stands_out else "normal")
    axes.set_xlabel(label)
    style.bar(axes, mesh, "change in points")
    return []
