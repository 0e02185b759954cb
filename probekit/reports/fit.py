"""Fit: the text of a picture whose width is given, broken, turned or left out where it is wide."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from textwrap import fill

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.text import Text

IN_CELL = "in a cell"
"""The label of a text that stands in a cell one unit wide and high."""
UPRIGHT = 2  # letters of a label that stays as it is where others are turned
LEAST_LETTERS = 12  # of a line of a label
ROOM = 0.85  # share of a cell that its text may take


def fit_into_width(figure: Figure) -> None:
    """Break labels of axes, turn labels of ticks that overlap, and numbers in narrow cells.

    The figure becomes as much higher as labels take from the panels. Numbers that do not fit into
    their cells upright either are left out.
    """
    figure.draw_without_rendering()  # places everything
    before = _height_of_panels(figure)
    for axes in figure.axes:
        _break_labels(axes)
        _turn_ticks(axes)
    figure.draw_without_rendering()
    figure.set_figheight(figure.get_figheight() + before - _height_of_panels(figure))
    figure.draw_without_rendering()
    for axes in figure.axes:
        _fit_cells(axes)


def _height_of_panels(figure: Figure) -> float:
    """Inches of all panels above each other; the mean over those side by side."""
    heights, columns = 0.0, 1
    for axes in figure.axes:
        place = axes.get_subplotspec()
        if place is not None:
            heights += axes.bbox.height
            columns = place.get_gridspec().ncols
    return heights / columns / figure.dpi


def _break_labels(axes: Axes) -> None:
    room, across, down = axes.bbox, axes.xaxis.label, axes.yaxis.label
    for label, wide, given in (
        (across, across.get_window_extent().width, room.width),
        (down, down.get_window_extent().height, room.height),
    ):
        text = label.get_text()
        if wide > given:
            label.set_text(fill(text, max(LEAST_LETTERS, int(len(text) * given / wide))))


def _turn_ticks(axes: Axes) -> None:
    shown = [text for text in axes.get_xticklabels() if text.get_text() and text.get_visible()]
    boxes = sorted((text.get_window_extent() for text in shown), key=lambda box: box.x0)
    if any(left.x1 > right.x0 for left, right in pairwise(boxes)):
        for text in shown:
            text.set_rotation(90 if len(text.get_text()) > UPRIGHT else 0)


def _fit_cells(axes: Axes) -> None:
    texts = [text for text in axes.texts if text.get_label() == IN_CELL]
    if not texts or _all_fit(axes, texts):
        return
    for text in texts:
        text.set_rotation(90)
    if not _all_fit(axes, texts):
        for text in texts:
            text.set_visible(False)


def _all_fit(axes: Axes, texts: Sequence[Text]) -> bool:
    """Whether each text is inside its cell."""
    (left, top), (right, bottom) = axes.transData.transform([(0, 0), (1, 1)])
    width, height = ROOM * abs(right - left), ROOM * abs(bottom - top)
    boxes = [text.get_window_extent() for text in texts]
    return all(box.width <= width and box.height <= height for box in boxes)
