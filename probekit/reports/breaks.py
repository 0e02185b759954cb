"""Breaks: what breaks when a layer has something erased, as cells: erased and measured × layers."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from probekit.reports.cells import CELL_HEIGHT, PANEL_HEIGHT, CellStyle, Scale, cell_width
from probekit.reports.changes import draw_changes, scale_of
from probekit.reports.picture import Panel
from probekit.usage.erasure import Erasure, label_of

if TYPE_CHECKING:
    import pandas as pd


def panels(erasure: Erasure, style: CellStyle) -> tuple[list[Panel], Scale]:
    """One for each model and corpus, and their colours."""
    frame = _frame(erasure)
    scale = scale_of(frame, style)
    found = []
    for (model, corpus), rows in frame.groupby(["model", "corpus"], sort=False):
        columns = rows["layer"].nunique()
        width = max((cell_width(style.decimals(1)) + 0.2) * columns + 3.2, 6.4)
        title = f"{model} on {corpus}: change in points when a layer has something erased"
        label = "layer erased (grey, in brackets: change not detected)"
        draw = partial(draw_changes, frame=rows, style=style, scale=scale, label=label)
        height = CELL_HEIGHT * rows["task"].nunique() + PANEL_HEIGHT
        found.append(Panel(title, width, height, draw))
    return found, scale


def _frame(erasure: Erasure) -> pd.DataFrame:
    """The rows of the picture, as `draw_changes` takes them: what was measured, then what was
    erased."""
    rows = erasure.summary()
    measured = [label_of(row) for _, row in rows.iterrows()]
    rows = rows.assign(
        task=rows["erased"] + " → " + measured,
        measured=measured,
        delta=rows["change"],
        detectable=float("nan"),
    )
    order = {name: number for number, name in enumerate(dict.fromkeys(measured))}
    return rows.sort_values("measured", key=lambda names: names.map(order), kind="stable")
