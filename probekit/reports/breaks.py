"""Breaks: what breaks when a layer has something erased, as cells: erased and measured × layers."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from probekit.reports.cells import CELL_HEIGHT, PANEL_HEIGHT, CellStyle, Scale, cell_width
from probekit.reports.changes import POINTS, Unit, draw_changes, scale_of
from probekit.reports.picture import Panel
from probekit.usage.erasure import BITS, Erasure, label_of

if TYPE_CHECKING:
    import pandas as pd

BITS_PER_WORD = Unit(1.0, 2)
LEAST_BITS = 0.5  # either way: a change of 0.01 is not drawn as a collapse


def panels(erasure: Erasure, style: CellStyle) -> tuple[list[Panel], Scale]:
    """One for each model and corpus, and their colours."""
    frame = _frame(erasure)
    scale = scale_of(frame[frame["metric"] != BITS], style)
    found = []
    for (model, corpus), rows in frame.groupby(["model", "corpus"], sort=False):
        columns = rows["layer"].nunique()
        width = max((cell_width(style.decimals(1)) + 0.2) * columns + 3.2, 6.4)
        for is_bits, of_unit in rows.groupby(rows["metric"] == BITS):
            colours = _scale_of_bits(of_unit, scale) if is_bits else scale
            title = f"{model} on {corpus}: {colours.label} when a layer has something erased"
            worse = "more bits are worse; " if is_bits else ""
            label = f"layer erased ({worse}grey, in brackets: change not detected)"
            draw = partial(
                draw_changes,
                frame=of_unit,
                style=style,
                scale=colours,
                label=label,
                unit=BITS_PER_WORD if is_bits else POINTS,
            )
            height = CELL_HEIGHT * of_unit["task"].nunique() + PANEL_HEIGHT
            found.append(Panel(title, width, height, draw))
    return found, scale


def _scale_of_bits(rows: pd.DataFrame, scale: Scale) -> Scale:
    """The colours of bits per word, of which more is worse. They have no bar: the strongest colour
    is that of the largest change."""
    limit = max(float(rows["delta"].abs().max()), LEAST_BITS)
    return Scale(scale.colour_map.reversed(), (-limit, limit), "change in bits per word")


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
