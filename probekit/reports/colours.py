"""Colours: perceptually uniform maps that are safe for the colour-blind, and greyscale.

Marks and dashes tell lines apart without colour.
"""

from __future__ import annotations

from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.collections import QuadMesh
from matplotlib.colors import Colormap, LinearSegmentedColormap, to_rgb

from probekit.errors import InputError, nearest

SCORES = "cividis_r"  # light to dark
CHANGES = "vlag_r"  # of seaborn: red below zero, blue above
# In greyscale: not white, the colour of the page, nor black, the colour of a cell's frame.
SCORES_GREY = ("#f2f2f2", "#303030")
CHANGES_GREY = ("#404040", "#ffffff", "#404040")  # darker either way; the sign is in the text
FADED = "#ececec"
FADED_TEXT = "#595959"
# By Okabe and Ito, the darkest first, so that a few lines differ in greyscale too.
LINES = ("#000000", "#0072b2", "#d55e00", "#009e73", "#cc79a7", "#56b4e9", "#e69f00")
GREYS = ("#000000", "#6e6e6e", "#3d3d3d", "#999999")
MARKERS = "osD^vP*X"
DASHES: tuple[Any, ...] = ("-", (0, (5, 2)), (0, (1.5, 1.5)), (0, (5, 1.5, 1, 1.5)), (0, (9, 3)))


def colour_map(name: str | None, otherwise: str) -> Colormap:
    """A matplotlib (or seaborn) colour map by name, `otherwise` by default.

    Raises InputError, with the nearest name, where there is no such map.
    """
    import seaborn  # noqa: F401  (it adds maps of its own)

    wanted = name or otherwise
    if wanted not in mpl.colormaps:
        near = nearest(wanted, list(mpl.colormaps))
        hint = f"did you mean '{near}'?" if near else "such as viridis, cividis or Greys"
        raise InputError(f"unknown value of cmap '{wanted}': a colour map of matplotlib, {hint}")
    return mpl.colormaps[wanted]


def greys(*shades: str) -> Colormap:
    """A map of shades of grey, evenly from each to the next."""
    return LinearSegmentedColormap.from_list("greys", shades)


def line_style(number: int, greyscale: bool) -> dict[str, Any]:
    """Colour, marker and dashes of a line, by its number from 0."""
    colours = GREYS if greyscale else LINES
    return {
        "color": colours[number % len(colours)],
        "marker": MARKERS[number % len(MARKERS)],
        "linestyle": DASHES[number % len(DASHES)],
    }


def text_colour(face: Any) -> str:
    """Black or white, whichever contrasts more with a colour: the contrast is at least 4.5."""
    return "black" if luminance(face) > 0.179 else "white"


def luminance(face: Any) -> float:
    """Relative luminance of a colour, from 0 (black) to 1, as WCAG 2 has it."""
    rgb = np.array(to_rgb(tuple(face)[:3] if not isinstance(face, str) else face))
    linear = np.where(rgb <= 0.03928, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    return float(linear @ np.array([0.2126, 0.7152, 0.0722]))


def face_colours(mesh: QuadMesh, shape: tuple[int, int]) -> np.ndarray:
    """Colours of the cells of a heatmap: `(rows, columns, 4)`."""
    mesh.update_scalarmappable()
    return np.asarray(mesh.get_facecolor()).reshape(*shape, 4)
