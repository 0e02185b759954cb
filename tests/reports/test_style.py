"""Pictures for papers: as wide as a column, with text of one size and font that stays inside."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import matplotlib as mpl
import pandas as pd
import pytest
from matplotlib.figure import Figure
from matplotlib.text import Text

import probekit as pk
from probekit.errors import InputError
from probekit.probes.score_rows import SCORES
from tests.reports import test_pictures as pictures
from tests.reports.test_heatmap import scores
from tests.results.made import filled

WIDTHS = {"paper": 3.03, "paper-wide": 6.3}
EMPTY = pd.DataFrame()


def scores_of(layers: int) -> pk.Scores:
    """Scores of some layers on one task, and a baseline."""
    about: dict[str, Any] = {"model": "m", "task": "pos", "corpus": "c", "metric": "accuracy"}
    rows = [{**about, "probe": "majority", "layer": None, "score": 0.1, "seed": 0}]
    for layer in range(layers):
        ends = {"score": 0.5, "ci_low": 0.45, "ci_high": 0.55, "dev_score": 0.5}
        rows.append({**about, **ends, "probe": "linear", "layer": layer, "seed": 0, "epoch": 1})
    return pk.Scores(filled(SCORES, rows))


DRAWN: dict[str, Callable[[], Figure]] = {
    "heatmap": lambda: pk.heatmap(scores()),
    "13 layers": lambda: pk.heatmap(scores_of(13)),
    "lines": lambda: pk.lines(scores_of(13)),
    "forgetting": lambda: pk.heatmap(pictures.comparison("a model")),
    "decomposition": lambda: pk.bars(pictures.comparison("a model")),
    "curves": lambda: pk.lines(pictures.trajectory("a model")),
    "retention": lambda: pk.heatmap(pictures.trajectory("a model")),
}


def texts(figure: Figure) -> list[Text]:
    """The texts that are seen."""
    figure.draw_without_rendering()
    found = []
    for text in figure.findobj(Text):
        if isinstance(text, Text) and text.get_text().strip() and text.get_visible():
            found.append(text)
    return found


def numbers(figure: Figure) -> list[Text]:
    """The numbers in cells that are seen."""
    return [text for text in figure.axes[0].texts if text.get_visible()]


@pytest.mark.parametrize("drawn", DRAWN)
@pytest.mark.parametrize("name", WIDTHS)
def test_a_picture_is_as_wide_as_a_column_and_its_text_is_inside(name: Any, drawn: str) -> None:
    with pk.style(name):
        figure = DRAWN[drawn]()
    assert figure.get_figwidth() == WIDTHS[name]
    for text in texts(figure):
        assert 6 <= float(text.get_fontsize()) <= 8.5, text
        assert text.get_fontfamily()[0] == "STIXGeneral"
    drawn_box = figure.get_tightbbox()
    assert drawn_box.x0 >= -0.01 and drawn_box.x1 <= WIDTHS[name] + 0.01
    assert drawn_box.y0 >= -0.01 and drawn_box.y1 <= figure.get_figheight() + 0.01


@pytest.mark.parametrize("name", WIDTHS)
def test_a_pdf_has_the_width_and_fonts_that_journals_take(name: Any, tmp_path: Path) -> None:
    with pk.style(name):
        pk.heatmap(scores(), tmp_path / "a.pdf")
    content = (tmp_path / "a.pdf").read_bytes()
    (width,) = re.findall(rb"/MediaBox \[ 0 0 ([\d.]+) ", content)
    assert float(width) == pytest.approx(72 * WIDTHS[name], abs=0.01)
    assert b"/CIDFontType2" in content and b"/Type3" not in content


def test_numbers_that_are_too_wide_stand_upright_or_are_left_out() -> None:
    with pk.style("paper"):
        few, several, many = (numbers(pk.heatmap(scores_of(n))) for n in (4, 16, 60))
    assert len(few) == 5 and {text.get_rotation() for text in few} == {0}
    assert len(several) == 17 and {text.get_rotation() for text in several} == {90}
    assert many == []
    assert len(numbers(pk.heatmap(scores_of(60)))) == 61, "on a screen, the picture is wider"


def test_a_style_ends_with_its_block_and_leaves_settings_alone() -> None:
    before = pk.heatmap(scores()), dict(mpl.rcParams)
    with pk.style("paper"):
        inside = pk.heatmap(scores())
        with pk.style("screen"):
            screen = pk.heatmap(scores())
    after = pk.heatmap(scores())
    assert dict(mpl.rcParams) == before[1]
    size = before[0].get_size_inches().tolist()
    assert size == screen.get_size_inches().tolist() == after.get_size_inches().tolist()
    assert inside.get_size_inches().tolist() != size


def test_a_style_ends_where_drawing_fails() -> None:
    with pytest.raises(InputError, match="nothing to draw"), pk.style("paper"):
        pk.lines(pk.Scores(EMPTY))
    assert pk.heatmap(scores()).get_figwidth() > WIDTHS["paper-wide"] / 2
