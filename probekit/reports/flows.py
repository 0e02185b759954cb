"""Flows: what decisions rest on, as cells: layers × words of a text, or labels × places."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

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
from probekit.reports.tables.attribution import EVERY_LABEL
from probekit.usage.attribution import EVERY, Attribution

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

MOST = 12  # decisions that are drawn
LETTER = 0.085  # inches of a letter of a label


def panels(found: Attribution, style: CellStyle) -> tuple[list[Panel], Scale]:
    """Of a text a panel per decision, layers × words; of a corpus one panel, labels × places."""
    assert found.positions is not None
    drawn = _of_corpus(found) if len(found.positions) else _of_text(found)
    tables = [values for _, values, _ in drawn]
    reach = max((float(np.nanmax(np.abs(values.to_numpy()))) for values in tables), default=1.0)
    colour_map = style.colour_map(colours.CHANGES, colours.CHANGES_GREY)
    label = "share of what is attributed, in %"
    scale = Scale(colour_map, style.ends(-reach, reach), label, reach=(-reach, reach))
    result = []
    for title, values, marked in drawn:
        rows, columns = values.shape
        longest = max(len(str(name)) for name in values.columns)
        width = max(cell_width(style.decimals(0)), LETTER * longest + 0.15)
        beside = LETTER * max(len(str(name)) for name in values.index) + 1
        draw = partial(_draw, values=values, marked=marked, style=style, scale=scale)
        panel_width = max(width * columns + beside, 5)
        result.append(Panel(title, panel_width, CELL_HEIGHT * rows + PANEL_HEIGHT, draw))
    return result, scale


def _of_text(found: Attribution) -> list[tuple[str, pd.DataFrame, np.ndarray]]:
    """For each decision its title, shares in percent (layers × words), and no marks."""
    drawn = []
    assert found.conductance is not None
    for _, row in found.of_model.head(MOST).iterrows():
        rows = found.conductance[found.conductance["decision"] == row["decision"]]
        after_last = rows["position"].max() + 1
        rows = rows.assign(position=rows["position"].fillna(after_last))
        values = 100 * rows.pivot(index="layer", columns="position", values="share")
        words = rows.drop_duplicates("position").set_index("position")["word"]
        values = values.sort_index(ascending=False).sort_index(axis=1)
        values.columns = [words[position] for position in values.columns]
        values.index = [f"layer {layer}" for layer in values.index]
        title = f"{row['words']} → {row['label']} ({row['task']}, layer {row['layer']})"
        drawn.append((title, values, np.zeros(values.shape, dtype=bool)))
    return drawn


def _of_corpus(found: Attribution) -> list[tuple[str, pd.DataFrame, np.ndarray]]:
    """The title, shares in percent (labels × places), and which are not beyond the null."""
    rows, first = found.positions, found.decisions.iloc[0]
    assert rows is not None
    places = list(rows["place"].drop_duplicates())
    labels = list(rows["label"].drop_duplicates())
    table = rows.pivot(index="label", columns="place", values="share").loc[labels, places]
    has_null = bool(rows["random"].notna().any())
    name, beyond = ("beyond", "random weights") if has_null else ("ci", "zero")
    outside = (rows[f"{name}_low"] > 0) | (rows[f"{name}_high"] < 0)
    marked = rows.assign(within=~outside).pivot(index="label", columns="place", values="within")
    values = 100 * table
    values.index = [EVERY_LABEL if label == EVERY else label for label in labels]
    title = (
        f"{first['task']} at layer {first['layer']} of {first['model']} on {first['corpus']}: mean "
        f"share by the place of words (in brackets: not detected beyond {beyond})"
    )
    marks = marked.loc[labels, places].to_numpy()
    return [(title, values, np.equal(marks, True))]


def _draw(
    axes: Axes, *, values: pd.DataFrame, marked: np.ndarray, style: CellStyle, scale: Scale
) -> list[Any]:
    texts = style.texts(values, 0, "+")
    for place in zip(*np.nonzero(marked), strict=True):
        texts[place] = f"({texts[place]})"
    # Words may stand in a text twice, and a heatmap takes names of columns as they are.
    show_cells(axes, values, texts, scale)
    axes.set_xlabel("")
    return []
