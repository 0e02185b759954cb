"""Lines and bars: correct numbers, legible without colour, and small changes that look small."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import to_rgba
from matplotlib.figure import Figure

import probekit as pk
from probekit.forgetting.comparison import PARTS, TABLES, Comparison
from probekit.forgetting.trajectory import STEPS, Trajectory
from probekit.reports.bars import COLOURS, GREYS
from probekit.reports.colours import luminance
from probekit.results.run import Run
from tests.reports.test_heatmap import scores
from tests.results.made import filled, only

EMPTY = pd.DataFrame()


def two_models() -> pk.Scores:
    table = scores().table
    lower = table["score"].where(table["layer"].isna(), table["score"] - 0.05)
    other = table.assign(model="n", model_fingerprint="n", score=lower)
    return pk.Scores(pd.concat([table, other], ignore_index=True))


def comparison(delta: float, p_adjusted: float = 0.01, half: float = 0.002) -> Comparison:
    """Two layers, one of which changes by `delta` and loses as much, each with an interval."""
    rows = []
    for layer, change in enumerate((0.0, delta)):
        about = {
            "before": "b",
            "after": "a",
            "task": "t",
            "corpus": "c",
            "layer": layer,
            "seeds": 1,
        }
        ends = {"delta": change, "ci_low": change - half, "ci_high": change + half}
        parts = {f"{part}{end}": 0.0 for part in PARTS for end in ("", "_low", "_high")}
        parts |= {"loss": -change, "loss_low": -change - half, "loss_high": -change + half}
        rows.append({**about, **ends, **parts, "p_adjusted": p_adjusted if change else 1.0})
    tables = {}
    for name in ("comparison", "decomposition"):
        mine = [only(TABLES[name].names, row) for row in rows]
        tables[name] = filled(TABLES[name], mine)
    return Comparison(tables["comparison"], EMPTY, tables["decomposition"], EMPTY, EMPTY)


def trajectory() -> Trajectory:
    rows = []
    for step in (0, 10):
        for layer in range(3):
            about = {"model": "m", "step": step, "task": "t", "corpus": "c", "layer": layer}
            score = 0.9 - 0.01 * step * layer
            ends = {"score": score, "ci_low": score - 0.01, "ci_high": score + 0.01}
            rows.append({**about, "metric": "accuracy", "retention": score / 0.9, **ends})
    run = Run(settings={"base": "m", "threshold": 0.9})
    return Trajectory(filled(STEPS, rows), EMPTY, EMPTY, run=run)


def of_models(figure: Figure, panel: int) -> dict[str, Any]:
    """Lines by their labels."""
    found = {str(line.get_label()): line for line in figure.axes[panel].lines}
    return {label: line for label, line in found.items() if not label.startswith("_")}


def test_lines_are_the_scores_with_their_intervals() -> None:
    figure = pk.lines(two_models())
    pos, dep = of_models(figure, 0), of_models(figure, 1)
    assert pos["m"].get_ydata().tolist() == [0.5, 0.91, 0.7]
    assert dep["n"].get_ydata() == pytest.approx([0.25, 0.57, 0.55])
    band: Any = np.array(figure.axes[0].collections[0].get_paths()[0].vertices)[:, 1]
    assert band.min() == pytest.approx(0.49) and band.max() == pytest.approx(0.92)
    assert figure.axes[0].get_title(loc="left") == "pos (c)\nmajority 0.11"


DRAWN: dict[str, Callable[[bool], Figure]] = {
    "scores": lambda grey: pk.lines(two_models(), greyscale=grey),
    "trajectory": lambda grey: pk.lines(trajectory(), greyscale=grey),
}


def test_a_single_layer_has_its_interval() -> None:
    table = scores().table
    table = table[table["layer"].isna() | (table["layer"] == 1)]
    interval: Any = pk.lines(pk.Scores(table)).axes[0].collections[0]
    row = table[(table["task"] == table["task"].iloc[0]) & (table["layer"] == 1)].iloc[0]
    ends = interval.get_paths()[0].vertices[:, 1]
    assert sorted(ends) == pytest.approx([row["ci_low"], row["ci_high"]])


@pytest.mark.parametrize("greyscale", [False, True])
@pytest.mark.parametrize("kind", DRAWN)
def test_lines_differ_without_colour(kind: str, greyscale: bool) -> None:
    drawn = of_models(DRAWN[kind](greyscale), 0).values()
    marks = {line.get_marker() for line in drawn}
    dashes = {str(line._unscaled_dash_pattern) for line in drawn}
    assert len(marks) == len(drawn) == len(dashes)
    if greyscale:
        for line in drawn:
            red, green, blue, _ = to_rgba(line.get_color())
            assert red == green == blue


def test_a_baseline_far_below_does_not_flatten_the_lines() -> None:
    table = scores().table
    near = table["score"].where(
        table["layer"].isna(), 0.9 + 0.01 * table["layer"].fillna(0).astype(float)
    )
    figure = pk.lines(pk.Scores(table.assign(score=near, ci_low=near, ci_high=near)))
    low, high = figure.axes[0].get_ylim()
    assert low > 0.8 and high - low >= 0.05


@pytest.mark.parametrize(("draw", "expected"), [(pk.lines, 5), (pk.bars, 5)])
def test_a_small_change_is_drawn_small(draw: Any, expected: float) -> None:
    low, high = draw(comparison(-0.012)).axes[0].get_ylim()
    assert max(-low, high) >= expected


def test_colours_of_change_reach_five_points_at_least() -> None:
    for change, limit in ((-0.012, 5), (-0.3, 30)):
        figure = pk.heatmap(comparison(change))
        assert figure.axes[0].collections[0].get_clim() == pytest.approx((-limit, limit))
        bar = figure.axes[1]
        assert bar.get_xlabel() == "change in points"


def test_what_may_be_chance_is_in_brackets_and_hollow() -> None:
    for p_adjusted, shown in ((0.01, "-1.2"), (0.2, "(-1.2)")):
        found = comparison(-0.012, p_adjusted)
        assert pk.heatmap(found).axes[0].texts[1].get_text() == shown
        hollow = [
            line for line in pk.lines(found).axes[0].lines if line.get_markerfacecolor() == "white"
        ]
        assert [np.size(line.get_xdata()) for line in hollow] == [2 if p_adjusted > 0.05 else 1]


@pytest.mark.parametrize("greyscale", [False, True])
def test_a_part_that_may_be_chance_looks_like_no_other(greyscale: bool) -> None:
    shades = GREYS if greyscale else COLOURS
    for half, face in ((0.002, to_rgba(shades["loss"])), (0.05, to_rgba("white"))):
        figure = pk.bars(comparison(-0.03, half=half), greyscale=greyscale)
        bars = [patch for patch in figure.axes[0].patches if abs(patch.get_height()) > 1]  # type: ignore[attr-defined]
        assert [bar.get_facecolor() for bar in bars] == [face]
    lightness = sorted([1.0, *(luminance(shade) for shade in shades.values())])
    gaps = [high - low for low, high in pairwise(lightness)]
    assert min(gaps) > 0.08  # in greyscale too, and from white


PICTURES: dict[str, Callable[..., Figure]] = {
    "lines": lambda **where: pk.lines(two_models(), **where),
    "changes": lambda **where: pk.lines(comparison(-0.3), **where),
    "steps": lambda **where: pk.lines(trajectory(), **where),
    "bars": lambda **where: pk.bars(comparison(-0.3), **where),
}


@pytest.mark.parametrize("picture", PICTURES)
def test_a_legend_is_never_over_data(picture: str) -> None:
    figure = PICTURES[picture]()
    figure.draw_without_rendering()
    (legend,) = figure.legends
    place = legend.get_window_extent()
    for axes in figure.axes:
        assert not axes.get_legend()
        assert not place.overlaps(axes.get_window_extent())


@pytest.mark.parametrize("picture", ["changes", "steps", "bars"])
def test_a_legend_of_axes_of_ones_own_stands_beside_them(picture: str) -> None:
    figure, ax = plt.subplots()
    assert PICTURES[picture](ax=ax) is figure
    figure.draw_without_rendering()
    legend = ax.get_legend()
    assert legend and not legend.get_window_extent().overlaps(ax.get_window_extent())
    plt.close(figure)


def test_a_users_figure_keeps_a_dollar(tmp_path: Path) -> None:
    table = scores().table.assign(task="$x$")
    figure, ax = plt.subplots()
    pk.heatmap(pk.Scores(table[table["score"] != 0.62].drop_duplicates(["probe", "layer"])), ax=ax)
    with matplotlib.rc_context({"svg.fonttype": "none"}):
        figure.savefig(tmp_path / "x.svg")
    plt.close(figure)
    assert "$x$ (acc)" in (tmp_path / "x.svg").read_text()


def test_long_paths_leave_the_panels_their_room(tmp_path: Path) -> None:
    """matplotlib warns, and gives up its layout, where a title leaves no room."""
    long = "/" + "/".join(["a-folder-with-a-long-name"] * 8)
    found = comparison(-0.03)
    decomposition = found.decomposition.assign(before=f"{long}/base", after=long)
    figure = pk.bars(replace(found, decomposition=decomposition), tmp_path / "x.png")
    axes = figure.axes[0]
    size = axes.get_window_extent().transformed(figure.dpi_scale_trans.inverted())
    assert size.width > 2 and size.height > 1.5  # inches
    assert axes.get_title(loc="left").replace("\n", "").count("a-folder-with-a-long-name") == 16


def test_identical_predictions_are_told_from_a_change_not_detected() -> None:
    found = comparison(-0.02)
    table = found.comparison.assign(detectable=[0.0, 0.01])
    same = pk.heatmap(replace(found, comparison=table)).axes[0]
    assert [text.get_text() for text in same.texts] == ["=", "-2.0"]
    assert "=: every prediction is the same" in same.get_xlabel()
    plain = pk.heatmap(found).axes[0]
    assert plain.texts[0].get_text() == "(+0.0)" and "=:" not in plain.get_xlabel()


def test_the_legend_has_the_baselines_that_are_drawn() -> None:
    table = scores().table
    low = pk.lines(pk.Scores(table[table["task"] == "pos"])).legends[0]
    assert [text.get_text() for text in low.get_texts()] == ["m"]
    table.loc[table["layer"].isna(), "score"] = 0.45
    near = pk.lines(pk.Scores(table[table["task"] == "pos"])).legends[0]
    assert [text.get_text() for text in near.get_texts()] == ["m", "baseline: majority"]
