"""Style: sizes and fonts of pictures, on a screen and in the columns of a paper."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from contextvars import ContextVar
from typing import Any, Literal, NamedTuple, get_args

from probekit import doors

StyleName = Literal["screen", "paper", "paper-wide"]
NARROWEST = 2.0  # inches of a panel beside others

# Users' own settings must not turn text into formulas. The same picture has the same ids in SVG.
# Journals ask for TrueType fonts in PDF, and refuse matplotlib's own default.
SETTINGS: dict[str, Any] = {
    "text.parse_math": False,
    "text.usetex": False,
    "axes.formatter.use_mathtext": False,
    "svg.fonttype": "none",
    "svg.hashsalt": "probekit",
    "pdf.fonttype": 42,
}
# Like Times, and in every installation of matplotlib; the second has the letters that it lacks.
_SERIF = ["STIXGeneral", "DejaVu Sans"]


class Style(NamedTuple):
    """How large pictures are, and their fonts.

    Attributes:
        width: inches of the whole picture; None for as many as its contents take.
        scale: of text, and of heights.
        settings: of matplotlib, a dictionary.
    """

    width: float | None
    scale: float
    settings: Any

    def side_by_side(self, wanted: int) -> int:
        """How many panels, of `wanted`, fit beside each other."""
        return wanted if self.width is None else max(1, min(wanted, int(self.width / NARROWEST)))


def _paper(width: float) -> Style:
    scale = 7 / 9  # text of 9 points on a screen has 7
    fonts = {"font.family": _SERIF, "font.size": 10 * scale}
    return Style(width, scale, {**SETTINGS, **fonts})


# 7.7 and 16 cm, the columns of the ACL's papers; others (NeurIPS, IEEE) are a little wider.
STYLES: dict[str, Style] = {
    "screen": Style(None, 1.0, SETTINGS),
    "paper": _paper(3.03),
    "paper-wide": _paper(6.3),
}
_CURRENT: ContextVar[Style] = ContextVar("style", default=STYLES["screen"])


def style(name: StyleName) -> AbstractContextManager[None]:
    """The style of all pictures drawn in a `with` block.

    - `screen`, the default: as large as a picture needs to be, in a sans-serif font.
    - `paper`: 3.03 inches (7.7 cm) wide, one of two columns, with text of 6 to 8 points in a font
      like Times. Numbers of cells that are too narrow for them are turned upright, or left out.
    - `paper-wide`: the same, 6.3 inches (16 cm) wide, over the whole page.

        with probekit.style("paper"):
            probekit.heatmap(scores, "heatmap.pdf")

    Raises InputError for another name.
    """
    return styled("name", name)


def styled(parameter: str, given: StyleName) -> AbstractContextManager[None]:
    """The same for the value of a parameter."""
    return _drawn_in(STYLES[doors.choice(parameter, given, get_args(StyleName))])


def current() -> Style:
    """The style of the pictures that are drawn now."""
    return _CURRENT.get()


def sized(size: float) -> float:
    """The size of what has this size on a screen: text and marks in points, lengths in inches."""
    return size * current().scale


@contextmanager
def _drawn_in(wanted: Style) -> Iterator[None]:
    before = _CURRENT.set(wanted)
    try:
        yield
    finally:
        _CURRENT.reset(before)
