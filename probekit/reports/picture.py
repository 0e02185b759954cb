"""Picture: panels drawn into a figure, shown by a notebook, and written to files.

Every picture is made here. Names of models, labels and all other text are drawn as they are,
including `$` and `\\`, and stay text in SVG.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from io import BytesIO, StringIO
from pathlib import Path
from textwrap import wrap
from typing import Any, NamedTuple

import matplotlib as mpl
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.text import Text

from probekit import doors
from probekit.errors import InputError, StoreError
from probekit.harmless import as_xml
from probekit.reports.fit import fit_into_width
from probekit.reports.style import Style, current, sized
from probekit.results.folder import cannot_write
from probekit.whole import written_whole

FORMATS = (".png", ".svg", ".pdf")
ACROSS = 3  # panels side by side
ROW_GAP = 0.2  # inches between panels
BAR_HEIGHT = 0.8  # inches of a bar of colours with its labels
LEGEND_HEIGHT = 0.24  # inches per row of the legend
TITLE_LETTER, TITLE_LINE = 0.085, 0.18  # inches of a letter, and of a line, of a title
KEY_WIDTH, LETTER_WIDTH = 0.7, 0.08  # inches of a key in the legend, and of a letter beside it


Bar = Callable[[Sequence[Axes]], None]
"""Draws a bar of colours below axes."""


class Picture(Figure):
    """A matplotlib figure that a notebook shows, and that keeps its style when it is saved."""

    def __init__(self, style: Style, **options: Any) -> None:
        super().__init__(**options)
        self.style = style

    def savefig(self, *given: Any, **options: Any) -> None:
        """As a matplotlib figure does."""
        with mpl.rc_context(self.style.settings):
            super().savefig(*given, **options)

    def _repr_png_(self) -> bytes:
        return drawn_as(self, "png")


class Panel(NamedTuple):
    """One part of a picture.

    Attributes:
        title: what it shows.
        width, height: inches, including axes and title.
        draw: draws the panel into axes, and returns the keys of its legend.
    """

    title: str
    width: float
    height: float
    draw: Callable[[Axes], Sequence[Artist]]


def check(paths: Sequence[str | Path], ax: Any, greyscale: bool) -> None:
    """Check the arguments that every picture takes.

    Raises InputError where one has another type, or a path does not end in .png, .svg or .pdf.
    """
    for path in doors.several("paths", paths, (str, Path)) if paths else ():
        if Path(path).suffix not in FORMATS:
            endings = ", ".join(FORMATS)
            raise InputError(f"cannot draw into '{path}': expected a name that ends in {endings}")
    doors.optional("ax", ax, Axes)
    doors.of_type("greyscale", greyscale, bool)


def log_axis(axes: Axes) -> None:
    """Make the horizontal axis logarithmic, with ticks at 1, 10, 100 … and others where these are
    few, as numbers: matplotlib's own are formulas."""
    from matplotlib.ticker import LogLocator, NullLocator

    axes.set_xscale("log")
    low, high = axes.get_xlim()
    wide = high / low > 100
    axes.xaxis.set_major_locator(LogLocator(subs=(1.0,) if wide else (1.0, 2.0, 5.0)))
    axes.xaxis.set_minor_locator(LogLocator(subs="auto") if wide else NullLocator())
    axes.xaxis.set_major_formatter("{x:,.0f}")
    axes.xaxis.set_minor_formatter("")


def picture(
    panels: Sequence[Panel],
    *paths: str | Path,
    ax: Any = None,
    across: int = 1,
    bar: Bar | None = None,
) -> Figure:
    """A figure of panels, `across` of them side by side, also written to `paths`.

    With `ax`, the only panel is drawn into these axes, and their figure is returned. The legend is
    below all panels, or to the right of `ax`: never over data. So is the one bar of colours that
    `bar` draws for all of them.

    Raises InputError where there are no panels, or several with `ax`; StoreError where writing
    fails.
    """
    if not panels:
        raise InputError("there is nothing to draw: the results have no rows")
    with mpl.rc_context(current().settings):
        figure = _of_panels(panels, across, bar) if ax is None else _in_axes(panels, ax, bar)
        for path in map(Path, paths):
            _write(drawn_as(figure, path.suffix[1:]), path)
    return figure


def _of_panels(panels: Sequence[Panel], across: int, bar: Bar | None) -> Figure:
    style = current()
    across = style.side_by_side(across)
    columns = 2 if len(panels) == 4 and across == 3 else min(across, len(panels))  # no holes
    rows = -(-len(panels) // columns)
    width = style.width or columns * max(panel.width for panel in panels)
    titles = [_wrapped(panel.title, width / columns) for panel in panels]
    heights = [0.0] * rows
    for i, panel in enumerate(panels):
        added = TITLE_LINE * (titles[i].count("\n") - panel.title.count("\n"))
        heights[i // columns] = max(heights[i // columns], sized(panel.height + added))
    height = sum(heights) + (sized(BAR_HEIGHT) if bar else 0)
    layout = ConstrainedLayoutEngine(h_pad=sized(ROW_GAP) / 2)
    figure = Picture(style, figsize=(width, height), layout=layout)
    grid = figure.subplots(rows, columns, squeeze=False, height_ratios=heights).ravel().tolist()
    keys: list[Artist] = []
    for axes, panel, title in zip(grid, panels, titles, strict=False):
        axes.set_title(title, fontsize=sized(10.5), loc="left")
        keys += panel.draw(axes)
    for axes in grid[len(panels) :]:
        axes.set_axis_off()
    if bar:
        bar(grid)
    _add_legend(figure, _once(keys))
    _literally(figure)
    if style.width:
        fit_into_width(figure)
    return figure


def _add_legend(figure: Figure, keys: Sequence[Artist]) -> None:
    """Add a legend below all panels, in a figure that becomes as much higher."""
    if not keys:
        return
    longest = max(len(str(key.get_label())) for key in keys)
    width = figure.get_figwidth() / sized(KEY_WIDTH + LETTER_WIDTH * longest)
    ncols = max(1, min(len(keys), int(width)))
    figure.set_figheight(figure.get_figheight() + sized(LEGEND_HEIGHT) * -(-len(keys) // ncols))
    place: Any = {"loc": "outside lower center", "ncols": ncols, "frameon": False}
    figure.legend(handles=keys, fontsize=sized(9), **place)


def _wrapped(title: str, width: float) -> str:
    """A title in lines as long as a panel is wide, in inches: long paths would take its room."""
    letters = int(width / sized(TITLE_LETTER))
    lines: list[str] = []
    for line in title.split("\n"):
        lines += wrap(line, letters) or [""]
    return "\n".join(lines)


def _in_axes(panels: Sequence[Panel], ax: Any, bar: Bar | None) -> Figure:
    axes: Axes = ax
    if len(panels) != 1:
        titles = "; ".join(panel.title.splitlines()[0] for panel in panels)
        raise InputError(f"ax takes one panel, and there are {len(panels)} to draw ({titles})")
    axes.set_title(panels[0].title, fontsize=sized(10.5), loc="left")
    keys = _once(panels[0].draw(axes))
    if bar:
        bar([axes])
    if keys:
        place: Any = {"loc": "upper left", "bbox_to_anchor": (1.02, 1), "borderaxespad": 0}
        axes.legend(handles=keys, fontsize=sized(9), frameon=False, **place)
    _literally(axes)
    figure = axes.get_figure(root=True)
    assert figure is not None
    return figure


def _once(keys: Sequence[Artist]) -> list[Artist]:
    """The first key of each label."""
    found: dict[str, Artist] = {}
    for key in keys:
        found.setdefault(str(key.get_label()), key)
    return list(found.values())


def _literally(drawn: Artist) -> None:
    """Draw text as it is, not as a formula, also when the figure is drawn again later."""
    for text in drawn.findobj(Text):
        if isinstance(text, Text):
            text.set_parse_math(False)
            text.set_usetex(False)


def _write(content: bytes, path: Path) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with written_whole(path) as file:
            file.write(content)
    except OSError as error:
        raise StoreError(cannot_write(path, error)) from error


def drawn_as(figure: Figure, form: str) -> bytes:
    """The figure as the content of a `png`, `svg` or `pdf` file."""
    style = figure.style if isinstance(figure, Picture) else current()
    options: dict[str, Any] = {"format": form, "dpi": 160}
    if style.width is None:
        options["bbox_inches"] = "tight"
    with mpl.rc_context(style.settings):
        if form != "svg":
            drawn = BytesIO()
            figure.savefig(drawn, **options)
            return drawn.getvalue()
        text = StringIO()
        # No date in the file: the same scores give the same bytes.
        figure.savefig(text, **options, metadata={"Date": None})
        return as_xml(text.getvalue()).encode()
