"""Cells: a grid of coloured numbers, with a bar that explains the colours."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from probekit import doors
from probekit.errors import InputError
from probekit.reports import colours
from probekit.reports.fit import IN_CELL
from probekit.reports.style import sized

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.colors import Colormap

CELL_HEIGHT = 0.5  # inches
PANEL_HEIGHT = 1.1  # inches of a panel beside its cells: title, labels of layers, and below them
BAR = 0.35  # inches for a bar of colours, without its labels
MOST_DIGITS = 6


@dataclass(frozen=True)
class CellStyle:
    """How cells are drawn: see the parameters of `heatmap`."""

    cmap: str | None = None
    vmin: float | None = None
    vmax: float | None = None
    digits: int | None = None
    greyscale: bool = False

    @classmethod
    def checked(
        cls,
        cmap: str | None,
        vmin: float | None,
        vmax: float | None,
        digits: int | None,
        greyscale: bool,
    ) -> CellStyle:
        """The style. Raises InputError where one of its parts is wrong."""
        if doors.optional("cmap", cmap, str):
            colours.colour_map(cmap, colours.SCORES)
        for name, end in (("vmin", vmin), ("vmax", vmax)):
            if end is not None:
                doors.number(name, end)
        if vmin is not None and vmax is not None and vmin >= vmax:
            raise InputError(f"vmin is {vmin:g}, and vmax {vmax:g}: it must be higher")
        if digits is not None and not 0 <= doors.of_type("digits", digits, int) <= MOST_DIGITS:
            raise InputError(f"digits is {digits}: it takes 0 to {MOST_DIGITS}")
        return cls(cmap, vmin, vmax, digits, greyscale)

    @property
    def has_ends(self) -> bool:
        """Whether an end of the colour scale is given."""
        return self.vmin is not None or self.vmax is not None

    def ends(self, low: float, high: float) -> tuple[float, float]:
        """Ends of the colour scale: those given, or else `low` and `high`."""
        low = low if self.vmin is None else self.vmin
        high = high if self.vmax is None else self.vmax
        return (low, high) if low < high else (high - 1, high)

    def decimals(self, otherwise: int) -> int:
        """Decimals of the numbers."""
        return otherwise if self.digits is None else self.digits

    def texts(self, values: pd.DataFrame, otherwise: int, sign: str = "") -> np.ndarray:
        """The numbers as texts, `(rows, columns)`; a dash where one is missing."""
        form = f"{sign}z.{self.decimals(otherwise)}f"  # z: never a negative zero
        found = np.empty(values.shape, dtype=object)
        for place, value in np.ndenumerate(values.to_numpy(dtype=float)):
            found[place] = "–" if np.isnan(value) else format(value, form)
        return found

    def colour_map(self, coloured: str, grey: tuple[str, ...]) -> Colormap:
        """The map given, or the default of this kind of picture."""
        if self.greyscale and self.cmap is None:
            return colours.greys(*grey)
        return colours.colour_map(self.cmap, coloured)


@dataclass(frozen=True)
class Scale:
    """The colours of all cells of a picture.

    Attributes:
        colour_map: the colours.
        ends: the values at its two ends.
        label: what the values are.
        ticks: texts for the two ends, in place of numbers.
        reach: the lowest and the highest value; beyond the ends, the bar has arrows.
    """

    colour_map: Colormap
    ends: tuple[float, float]
    label: str
    ticks: tuple[str, str] | None = None
    reach: tuple[float, float] | None = None

    def bar(self, panels: Sequence[Axes]) -> None:
        """Draw a bar of colours below the panels."""
        from matplotlib.cm import ScalarMappable
        from matplotlib.colors import Normalize

        figure = panels[0].get_figure(root=True)
        assert figure is not None
        low, high = self.ends
        lowest, highest = self.reach or self.ends
        extend = {(True, True): "both", (True, False): "min", (False, True): "max"}
        bar = figure.colorbar(
            ScalarMappable(Normalize(low, high), self.colour_map),
            ax=list(panels),
            location="bottom",
            fraction=min(0.1, sized(BAR) / figure.get_figheight()),
            shrink=0.6,
            aspect=40,
            extend=extend.get((lowest < low - 1e-9, highest > high + 1e-9), "neither"),
        )
        bar.set_label(self.label, fontsize=sized(9))
        bar.outline.set_linewidth(0.5)
        if self.ticks:
            bar.set_ticks([low, high], labels=list(self.ticks))
        bar.ax.tick_params(labelsize=sized(9), length=2)


def cell_width(decimals: int) -> float:
    """Inches that a number with so many decimals takes, in a heatmap."""
    return 0.5 + 0.09 * decimals


def show_cells(
    axes: Axes,
    values: pd.DataFrame,
    texts: np.ndarray,
    scale: Scale,
) -> None:
    """Draw values as colours, with legible texts on them; missing values are faded.

    Args:
        axes: to draw into.
        values: numbers, rows × columns; their names are the labels.
        texts: one for each number.
        scale: the colours.
    """
    import seaborn as sns

    lines: Any = {"linewidths": sized(1), "linecolor": "white"}
    colour_map = scale.colour_map.with_extremes(bad=colours.FADED)
    low, high = scale.ends
    sns.heatmap(values, ax=axes, cmap=colour_map, vmin=low, vmax=high, cbar=False, **lines)
    mesh: Any = axes.collections[-1]
    faces = colours.face_colours(mesh, values.shape)
    missing = values.isna().to_numpy()
    for place, text in np.ndenumerate(texts):
        faded = missing[place]
        colour = colours.FADED_TEXT if faded else colours.text_colour(faces[place])
        write_in_cell(axes, (place[1] + 0.5, place[0] + 0.5), text, colour)
    axes.set_ylabel("")
    axes.tick_params(length=0, labelsize=sized(9))
    axes.set_yticklabels(axes.get_yticklabels(), rotation=0)
    axes.set_xticklabels(axes.get_xticklabels(), rotation=0)


def write_in_cell(axes: Axes, middle: tuple[float, float], text: str, colour: str) -> None:
    """Write a text into the cell around a point."""
    centred: Any = {"ha": "center", "va": "center", "label": IN_CELL}
    axes.text(*middle, text, fontsize=sized(9), color=colour, **centred)


def frame_cell(axes: Axes, row: int, column: int) -> None:
    """Frame a cell: black, with white around it, so that it stands out on every colour."""
    from matplotlib.patches import Rectangle
    from matplotlib.patheffects import withStroke

    halo = [withStroke(linewidth=sized(4.5), foreground="white")]
    place = (column + 0.04, row + 0.05), 0.92, 0.9
    axes.add_patch(
        Rectangle(*place, fill=False, edgecolor="black", linewidth=sized(2.2), path_effects=halo)
    )
