"""What erasures cost before and after: the right numbers, side by side, told apart in greyscale."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

import probekit as pk
from probekit.reports.colours import luminance
from probekit.reports.tables import table_of
from probekit.reports.use_bars import COLOURS, GREYS, HATCHES
from tests.results.made import filled


def use_change(name: str = "pos", **values: Any) -> pk.UseChange:
    """Two layers erased; at the first of them the drop halves."""
    rows = []
    for layer, after, p_adjusted in ((1, 0.1, 0.01), (3, 0.19, 0.6)):
        about = {"before": "b", "after": "a", "corpus": "c", "erased": name, "affected": name}
        row: dict[str, Any] = {**about, "layer": layer, "read_at": 6, "probe": "clean"}
        for side, drop in (("before", 0.2), ("after", after)):
            row |= {f"drop_{side}": drop, f"beyond_{side}": drop - 0.01, f"score_{side}": 0.9}
            row |= {f"drop_{side}_low": drop - 0.02, f"drop_{side}_high": drop + 0.03}
        row |= {"change": after - 0.2, "ci_low": after - 0.25, "ci_high": after - 0.15}
        rows.append({**row, "p_adjusted": p_adjusted, "detectable": 0.05, **values})
    retrained = {**rows[0], "read_at": 1, "probe": "retrained"}
    return pk.UseChange(filled(pk.UseChange.TABLES["table"], [*rows, retrained]))


def test_bars_are_the_drops_with_their_intervals_before_and_after() -> None:
    figure = pk.bars(use_change())
    (axes,) = figure.axes
    assert [patch.get_height() for patch in axes.patches] == pytest.approx([20, 20, 10, 19])  # type: ignore[attr-defined]
    ends = axes.collections[0].get_segments()[0]  # type: ignore[attr-defined]
    assert ends[:, 1].tolist() == pytest.approx([18, 23])
    random: list[Any] = [line for line in axes.lines if line.get_marker() == "D"]
    places = np.concatenate([line.get_ydata() for line in random])
    assert places.tolist() == pytest.approx([1] * 4)
    assert [label.get_text() for label in axes.get_xticklabels()] == ["1", "3"]
    (star,) = axes.texts
    assert star.get_text() == "*" and star.get_position()[0] == 0  # the first layer only


def test_before_and_after_differ_in_greyscale_too() -> None:
    for shades in (COLOURS, GREYS):
        dark, light = luminance(shades["before"]), luminance(shades["after"])
        assert light - dark > 0.3 and light < 0.9
    assert HATCHES["before"] != HATCHES["after"]


def test_the_legend_is_not_over_data() -> None:
    figure = pk.bars(use_change(), greyscale=True)
    figure.draw_without_rendering()
    (legend,) = figure.legends
    assert not legend.get_window_extent().overlaps(figure.axes[0].get_window_extent())


def test_a_drop_of_nothing_is_drawn_small() -> None:
    tiny: dict[str, Any] = {}
    for side in ("before", "after"):
        names = (f"drop_{side}", f"drop_{side}_low", f"drop_{side}_high", f"beyond_{side}")
        tiny |= dict.fromkeys(names, 0.001)
    low, high = pk.bars(use_change(**tiny)).axes[0].get_ylim()
    assert low < 0 and high >= 5


def test_the_table_has_the_drops_beside_random_dimensions() -> None:
    table = table_of(use_change())
    assert table.title == "What erasing pos breaks in b (before) and a (after) on c"
    rows = [row[1:7] for row in table.rows]
    assert rows[0] == ["pos at 6", "20.0", "10.0", "1.0", "1.0", "-10.0"]
    assert [row[1] for row in table.rows] == ["pos at 6", "pos, retrained", "pos at 6"]


def test_nothing_measured_is_nothing_to_draw() -> None:
    with pytest.raises(pk.ProbekitError, match="nothing to draw"):
        pk.bars(pk.UseChange(pd.DataFrame()))
