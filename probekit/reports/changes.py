"""Changes between checkpoints as cells: tasks × layers, in points."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from probekit.forgetting.comparison import Comparison
from probekit.reports import colours
from probekit.reports.cells import (
    CELL_HEIGHT,
    PANEL_HEIGHT,
    CellStyle,
    Scale,
    cell_width,
    show_cells,
)
from probekit.reports.picture import Panel
from probekit.reports.rows import layer_label, sites_of

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

LEVEL = 0.05
IDENTICAL = "="
LEAST_RANGE = 5.0  # points either way: a change of 0.1 is not drawn as a collapse


class Unit(NamedTuple):
    """In what changes are written: what they are multiplied by, and decimals."""

    factor: float
    decimals: int


POINTS = Unit(100.0, 1)


def panels(comparison: Comparison, style: CellStyle) -> tuple[list[Panel], Scale]:
    """One for each checkpoint after, and their colours."""
    frame, found = comparison.comparison, list[Panel]()
    scale = scale_of(frame, style)
    notes = ["grey, in brackets: change not detected"]
    if is_identical(frame).any():
        notes.append(f"{IDENTICAL}: every prediction is the same")
    label = layer_label("layer before", sites_of(comparison), *notes)
    for (before, after), rows in frame.groupby(["before", "after"], sort=False):
        n_rows = rows.groupby(["task", "corpus"]).ngroups
        columns = rows["layer"].nunique()
        width = max((cell_width(style.decimals(1)) + 0.2) * columns + 2.2, 6.4)
        title = f"{before} → {after}{_on(rows)}: change of score, in points{_seeds(rows)}"
        draw = partial(draw_changes, frame=rows, style=style, scale=scale, label=label)
        found.append(Panel(title, width, CELL_HEIGHT * n_rows + PANEL_HEIGHT, draw))
    return found, scale


def scale_of(frame: pd.DataFrame, style: CellStyle) -> Scale:
    """The colours of all panels: as far below zero as above it."""
    clear = 100 * frame["delta"][frame["p_adjusted"] <= LEVEL]
    limit = max(float(100 * frame["delta"].abs().max()), LEAST_RANGE) if len(frame) else LEAST_RANGE
    colour_map = style.colour_map(colours.CHANGES, colours.CHANGES_GREY)
    reach = (float(clear.min()), float(clear.max())) if len(clear) else None
    return Scale(colour_map, style.ends(-limit, limit), "change in points", reach=reach)


def is_identical(frame: pd.DataFrame) -> pd.Series:
    """Of which rows of a comparison every prediction is the same before and after."""
    return (frame["delta"] == 0) & (frame["detectable"] == 0)


def _on(rows: pd.DataFrame) -> str:
    """The corpus, unless rows name it."""
    return f" on {rows['corpus'].iloc[0]}" if rows["corpus"].nunique() == 1 else ""


def _seeds(rows: pd.DataFrame) -> str:
    if "seeds" not in rows or rows["seeds"].isna().all():
        return ""
    seeds = int(rows["seeds"].max())
    return f" ({'1 seed' if seeds == 1 else f'mean of {seeds} seeds'})"


def draw_changes(
    axes: Axes,
    *,
    frame: pd.DataFrame,
    style: CellStyle,
    scale: Scale,
    label: str,
    unit: Unit = POINTS,
) -> list[Any]:
    """Draw the changes of one panel: a row per task and corpus, a column per layer.

    Args:
        axes: to draw into.
        frame: with columns `task`, `corpus`, `layer`, `delta`, `detectable` and `p_adjusted`.
        style: how cells are drawn.
        scale: the colours.
        label: of the layers.
        unit: of the changes.
    """
    several = frame["corpus"].nunique() > 1
    named = frame.assign(
        row=frame["task"] + ("\n" + frame["corpus"] if several else ""),
        identical=is_identical(frame).astype(float),
    )
    delta = named.pivot_table(index="row", columns="layer", values="delta", sort=False)
    delta = unit.factor * delta[sorted(delta.columns)]
    adjusted = named.pivot_table(index="row", columns="layer", values="p_adjusted", sort=False)
    adjusted = adjusted.reindex(index=delta.index, columns=delta.columns)
    clear = (adjusted <= LEVEL).to_numpy()
    identical = named.pivot_table(index="row", columns="layer", values="identical", sort=False)
    identical = identical.reindex(index=delta.index, columns=delta.columns) == 1
    texts = style.texts(delta, unit.decimals, "+")
    for place in np.argwhere(~clear):
        texts[tuple(place)] = f"({texts[tuple(place)]})"
    texts[identical.to_numpy()] = IDENTICAL
    show_cells(axes, delta.where(clear), texts, scale)
    for text, stands_out in zip(axes.texts, clear.flat, strict=True):
        text.set_fontweight("bold" if stands_out else "normal")
    axes.set_xlabel(label)
    return []
