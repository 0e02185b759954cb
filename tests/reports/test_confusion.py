"""The picture of a confusion matrix: counts in the right cells, labels as they are."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

import probekit as pk
from probekit.reports.confusion import grouped
from tests.results.made import predicted


def test_cells_hold_the_counts() -> None:
    axes: Any = pk.confusion(predicted(), seed=0).axes[0]
    texts = np.array([text.get_text() for text in axes.texts]).reshape(4, 4)
    # Gold labels by frequency, at a tie by name.
    assert [label.get_text() for label in axes.get_xticklabels()] == ["A", "$x_1$", "B", "unseen"]
    assert [label.get_text() for label in axes.get_yticklabels()] == [
        "A (3)",
        "$x_1$ (1)",
        "B (1)",
        "unseen (1)",
    ]
    expected = [["2", "", "1", ""], ["", "1", "", ""], ["", "", "1", ""], ["1", "", "", ""]]
    assert texts.tolist() == expected
    assert "4 of 6 predictions are correct" in axes.get_title(loc="left")
    assert len(axes.patches) == 4


def test_rare_labels_go_together() -> None:
    figure = pk.confusion(predicted(), labels=1, greyscale=True)
    axes: Any = figure.axes[0]
    assert [label.get_text() for label in axes.get_xticklabels()] == ["A", "other (3 labels)"]
    assert [text.get_text() for text in axes.texts] == ["5", "1", "2", "4"]
    assert len(axes.patches) == 1  # what is under `other` may still be wrong
    assert "2 seeds together" in axes.get_title(loc="left")
    counts = pd.DataFrame([[3, 0], [1, 1]], index=["a", "b"], columns=["a", "b"])
    assert grouped(counts, 1).index.tolist() == ["a", "b"]  # one is never called `other`


@pytest.mark.parametrize("layer", [0, 1])
def test_it_is_text_in_svg_and_the_same_each_time(tmp_path: Path, layer: int) -> None:
    for name in ("a", "b"):
        pk.confusion(predicted(), tmp_path / f"{name}.svg", layer=layer)
    assert (tmp_path / "a.svg").read_bytes() == (tmp_path / "b.svg").read_bytes()
    assert ">$x_1$ (2)</text>" in (tmp_path / "a.svg").read_text()


def test_axes_of_ones_own() -> None:
    figure, (ax, other) = plt.subplots(1, 2)
    assert pk.confusion(predicted(), ax=ax, probe="majority") is figure
    assert ax.get_title(loc="left").startswith("pos on c: majority baseline\n")
    assert not other.texts
    plt.close(figure)
