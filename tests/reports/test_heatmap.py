"""Pictures: the right numbers in the right cells, readable without colour, and the same bytes each time."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import probekit as pk
from probekit.errors import InputError
from probekit.probes.scores import COLUMNS, MORE_COLUMNS, SCORES
from probekit.reports.heatmap import _figure
from probekit.reports.table import score_table


def scores() -> pk.Scores:
    """Two tasks, three layers, a baseline; on `dep` the best layer on dev is not the best on test."""
    rows = []
    for task, values, dev in (("pos", (0.5, 0.91, 0.7), (0.5, 0.9, 0.7)), ("dep", (0.3, 0.62, 0.6), (0.3, 0.5, 0.7))):
        rows.append(["m", task, "c", "majority", None, "accuracy", 0.11, 0.1, 0.12, 9, 9, 0, None, None, None])
        for layer, (value, on_dev) in enumerate(zip(values, dev, strict=True)):
            interval = [value, value - 0.01, value + 0.01]
            rows.append(["m", task, "c", "linear", layer, "accuracy", *interval, 9, 9, 0, on_dev, 1, 1])
    table = pd.DataFrame(rows, columns=[*COLUMNS, *MORE_COLUMNS]).astype({"layer": "Int64"})
    return pk.Scores(table)


def test_cells_hold_the_scores_and_the_best_layer_on_dev_is_framed() -> None:
    figure = _figure(scores())
    left, right = figure.subfigs[0].axes
    assert [text.get_text() for text in right.texts] == ["0.50", "0.91", "0.70", "0.30", "0.62", "0.60"]
    assert [text.get_text() for text in left.texts] == ["0.11", "0.11"]
    assert [patch.get_x() // 1 for patch in right.patches] == [1, 2]


def test_darker_is_higher_in_greyscale() -> None:
    figure = _figure(scores())
    mesh = figure.subfigs[0].axes[1].collections[0]
    mesh.update_scalarmappable()
    grey = mesh.get_facecolors()[:, :3] @ np.array([0.299, 0.587, 0.114])
    values = [0.5, 0.91, 0.7, 0.3, 0.62, 0.6]
    assert (np.argsort(grey) == np.argsort(values)[::-1]).all()


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
    later = list(SCORES.names[15:])
    assert (found[later] == "").all(axis=None)  # as a table of an older version
    with pytest.raises(InputError, match="no scores"):
        pk.Scores.read(tmp_path / "nowhere")


def test_the_table_names_the_layer_chosen_on_dev() -> None:
    table = score_table(scores())
    cells = {column.header: list(column.cells) for column in table.columns}
    assert cells["layer"] == ["1 of 0–2", "2 of 0–2"]
    assert cells["score"] == ["0.910", "0.600"]
    assert cells["majority"] == ["0.110", "0.110"] and cells["lexical"] == ["–", "–"]
