"""Pictures: the right numbers in the right cells, readable without colour, and the same bytes each
time."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure

import probekit as pk
from probekit.errors import InputError
from probekit.probes.score_rows import COLUMNS, MORE_COLUMNS, SCORES
from probekit.reports.colours import luminance
from probekit.reports.tables.scores import score_table


def scores() -> pk.Scores:
    """Two tasks, three layers, a baseline; for `dep` the best layers on dev and test differ."""
    rows = []
    for task, values, dev in (
        ("pos", (0.5, 0.91, 0.7), (0.5, 0.9, 0.7)),
        ("dep", (0.3, 0.62, 0.6), (0.3, 0.5, 0.7)),
    ):
        rows.append(
            [
                "m",
                task,
                "c",
                "majority",
                None,
                "accuracy",
                0.11,
                0.1,
                0.12,
                9,
                9,
                0,
                None,
                None,
                None,
            ]
        )
        for layer, (value, on_dev) in enumerate(zip(values, dev, strict=True)):
            interval = [value, value - 0.01, value + 0.01]
            rows.append(
                ["m", task, "c", "linear", layer, "accuracy", *interval, 9, 9, 0, on_dev, 1, 1]
            )
    table = pd.DataFrame(rows, columns=[*COLUMNS, *MORE_COLUMNS]).astype({"layer": "Int64"})
    return pk.Scores(table)


def test_cells_hold_the_scores_and_the_best_layer_on_dev_is_framed() -> None:
    axes: Any = pk.heatmap(scores()).axes[0]
    texts = [text.get_text() for text in axes.texts]
    assert texts == ["0.50", "0.91", "0.70", "0.30", "0.62", "0.60", "0.11", "0.11"]
    # Baselines are apart, on the left.
    assert all(text.get_position()[0] < 0 for text in axes.texts[6:])
    assert [patch.get_x() // 1 for patch in axes.patches] == [1, 2]
    assert [label.get_text() for label in axes.get_xticklabels()] == ["majority", "0", "1", "2"]


def test_the_bar_of_colours_says_that_each_row_has_its_own_scale() -> None:
    axes, bar = pk.heatmap(scores()).axes
    assert bar.get_xlabel().startswith("each row from its lowest to its highest score")
    assert axes.get_xlabel().startswith("layer")


def colours_of(figure: Figure) -> np.ndarray:
    """Of the six cells, in rows."""
    mesh: Any = figure.axes[0].collections[0]
    mesh.update_scalarmappable()
    found: np.ndarray = mesh.get_facecolors()
    return found


@pytest.mark.parametrize("greyscale", [False, True])
def test_darker_is_higher_along_a_row_and_in_greyscale(greyscale: bool) -> None:
    lightness = [
        luminance(colour) for colour in colours_of(pk.heatmap(scores(), greyscale=greyscale))
    ]
    assert lightness[0] > lightness[2] > lightness[1] and lightness[3] > lightness[5] > lightness[4]
    # Each row has the whole of the scale, whatever the others have.
    assert lightness[0] == lightness[3] and lightness[1] == lightness[4]


def test_one_scale_for_all_cells() -> None:
    figure = pk.heatmap(scores(), vmin=0, vmax=1, cmap="Greys")
    lightness = [luminance(colour) for colour in colours_of(figure)]
    assert (np.argsort(lightness) == np.argsort([0.5, 0.91, 0.7, 0.3, 0.62, 0.6])[::-1]).all()
    assert figure.axes[1].get_xlim() == (0, 1)  # the bar


def test_layers_that_hardly_differ_look_alike() -> None:
    table = scores().table
    table["score"] = table["score"].where(
        table["layer"].isna(), 0.9 + 0.001 * table["layer"].astype(float)
    )
    lightness = [luminance(colour) for colour in colours_of(pk.heatmap(pk.Scores(table)))]
    assert max(lightness) - min(lightness) < 0.05


@pytest.mark.parametrize("cmap", ["cividis_r", "viridis", "Greys", "vlag", "hsv"])
def test_every_number_stands_out_on_its_cell(cmap: str) -> None:
    figure = pk.heatmap(scores(), cmap=cmap)
    for text, face in zip(figure.axes[0].texts, colours_of(figure), strict=False):
        light, dark = sorted([luminance(text.get_color()), luminance(face)], reverse=True)
        assert (light + 0.05) / (dark + 0.05) >= 4.5


def test_the_title_names_corpus_and_seeds_and_digits_are_chosen() -> None:
    axes = pk.heatmap(scores(), digits=3).axes[0]
    assert axes.get_title(loc="left") == "m: linear probes on c, score by layer (1 seed)"
    assert axes.texts[0].get_text() == "0.500"
    twice = pd.concat([scores().table, scores().table.assign(seed=1)])
    assert "mean of 2 seeds" in pk.heatmap(pk.Scores(twice)).axes[0].get_title(loc="left")


def test_it_is_drawn_into_axes_of_ones_own() -> None:
    figure, (ax, other) = plt.subplots(1, 2)
    assert pk.heatmap(scores(), ax=ax) is figure
    assert len(ax.texts) == 8 and not other.texts
    both = pd.concat([scores().table, scores().table.assign(model="n", model_fingerprint="n")])
    with pytest.raises(InputError, match="ax takes one panel, and there are 2"):
        pk.heatmap(pk.Scores(both), ax=other)
    plt.close(figure)


def test_a_notebook_shows_it() -> None:
    figure: Any = pk.heatmap(scores())
    assert figure._repr_png_().startswith(b"\x89PNG")


def test_the_same_scores_give_the_same_picture(tmp_path: Path) -> None:
    pk.heatmap(scores(), tmp_path / "a.svg")
    pk.heatmap(scores(), tmp_path / "b.svg")
    assert (tmp_path / "a.svg").read_bytes() == (tmp_path / "b.svg").read_bytes()


def test_a_strange_format_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"\.png, \.svg, \.pdf"):
        pk.heatmap(scores(), tmp_path / "a.gif")


def test_scores_are_written_and_read_back(tmp_path: Path) -> None:
    scores().write(tmp_path)
    found = pk.Scores.read(tmp_path).table
    pd.testing.assert_frame_equal(found, scores().table)
    # As a table of an older version.
    for column in SCORES.columns[15:]:
        assert (found[column.name] == column.default).all()
    with pytest.raises(InputError, match="no scores"):
        pk.Scores.read(tmp_path / "nowhere")


def test_the_table_names_the_layer_chosen_on_dev() -> None:
    table = score_table(scores())
    headings = [column.heading for column in table.columns]
    cells = dict(zip(headings, zip(*table.rows, strict=True), strict=True))
    assert cells["layer"] == ("1 of 0–2", "2 of 0–2")
    assert cells["score"] == ("0.910", "0.600")
    assert cells["majority"] == ("0.110", "0.110") and cells["lexical"] == ("–", "–")
