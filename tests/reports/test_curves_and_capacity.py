"""Learning curves and capacity: correct points, legible without colour, selected lines named."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use("Agg")
import numpy as np
import pytest
from matplotlib.colors import to_rgb
from matplotlib.text import Annotation

import probekit as pk
from probekit.probes.capacity import CAPACITY, SWEEP
from probekit.probes.codelength_rows import LEARNING_CURVES
from probekit.probes.score_rows import SCORES
from tests.commands import run_main
from tests.results.made import filled, only

ABOUT = {"model": "m$_1$", "corpus": "c", "metric": "accuracy", "labels": "gold", "view": "single"}
LAYERS, SENTENCES = (0, 1, 2, 3), (1, 10, 100, 1000)
FRONT = {"rank:1", "rank:8", "mlp:8"}


def scores() -> pk.Scores:
    """Two tasks, of which layer 2 is the best; two seeds of learning curves."""
    table, curves, capacity = [], [], []
    for task in ("pos", "dep"):
        for layer in LAYERS:
            height = 0.1 * (layer if layer < 3 else 1)
            probe = {**ABOUT, "task": task, "layer": layer, "context": "sentence"}
            for number, kind in enumerate(SWEEP):
                score = 0.5 + height + 0.01 * number
                ends = {"score": score, "ci_low": score - 0.05, "ci_high": score + 0.05}
                row = {**probe, **ends, "probe": kind, "dev_score": score}
                table.append({**row, "epoch": 1})
                size = {"parameters": 100 * 2**number, "on_front": int(kind in FRONT)}
                capacity.append({**row, **size})
            for seed in (0, 1):
                for place, sentences in enumerate(SENTENCES):
                    score = height + 0.2 * place + 0.02 * seed
                    curve = {"score": score, "sentences": sentences, "seed": seed}
                    curves.append({**probe, **curve, "probe": "linear"})
                    curves.append({**probe, **curve, "probe": "linear", "labels": "control"})
    return pk.Scores(
        _filled(SCORES, table),
        learning_curves=_filled(LEARNING_CURVES, curves),
        capacity=_filled(CAPACITY, capacity),
    )


def _filled(schema: Any, rows: list[dict[str, Any]]) -> Any:
    return filled(schema, [only(schema.names, row) for row in rows])


@pytest.mark.parametrize("greyscale", [False, True])
def test_a_curve_is_the_mean_of_its_seeds(greyscale: bool) -> None:
    figure = pk.learning_curves(scores(), greyscale=greyscale)
    pos, dep, bar = figure.axes
    assert pos.get_title(loc="left") == "pos (c)\nm$_1$, linear"
    assert pos.get_xscale() == "log" and bar.get_xlabel() == "layer (0 = embeddings)"
    assert len(pos.lines) == len(dep.lines) == len(LAYERS)
    assert pos.lines[2].get_xdata() == pytest.approx(SENTENCES)
    assert pos.lines[2].get_ydata() == pytest.approx([0.21, 0.41, 0.61, 0.81])
    marked = [line.get_label() for line in pos.lines if line.get_marker() != "None"]
    assert marked == ["layer 0", "layer 2", "layer 3"]
    named = sorted(text.get_text() for text in pos.texts)
    assert named == ["layer 0", "layer 2 (best)", "layer 3"]
    colours = [to_rgb(line.get_color()) for line in pos.lines]
    assert len(set(colours)) == len(LAYERS)
    assert not greyscale or all(np.ptp(colour) == 0 for colour in colours)
    heights = sorted(text.get_position()[1] for text in pos.texts)
    assert np.diff(heights).min() > 0.02  # of an axis of 0.8


@pytest.mark.parametrize("greyscale", [False, True])
def test_the_front_is_filled_and_the_rest_is_hollow(greyscale: bool) -> None:
    figure = pk.capacity(scores(), greyscale=greyscale)
    axes = figure.axes[0]
    assert axes.get_title(loc="left") == "pos (c)\nm$_1$, layer 2 (best on dev)"
    front, *marks = axes.lines
    assert len(marks) == len(SWEEP)
    filled_in = [mark for mark in marks if mark.get_markerfacecolor() != "none"]
    places = {np.asarray(mark.get_xdata()).item() for mark in filled_in}
    assert places == set(np.asarray(front.get_xdata()).tolist()) and len(places) == len(FRONT)
    assert len({mark.get_marker() for mark in marks}) == 3  # kinds differ without colour
    sizes = [text.get_text() for text in axes.texts if isinstance(text, Annotation)]
    assert sizes.count("64") == 1 and sizes.count("8") == 2 and sizes.count("") == 1
    if greyscale:
        assert all(np.ptp(to_rgb(mark.get_color())) == 0 for mark in marks)


def test_a_chosen_layer() -> None:
    axes = pk.capacity(scores(), layer=1).axes[1]
    assert axes.get_title(loc="left") == "dep (c)\nm$_1$, layer 1"
    assert axes.lines[0].get_ydata()[0] == pytest.approx(0.6)  # type: ignore[index]


def test_the_command_line_draws_them_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    scores().write("run")
    for command in (["learning-curves"], ["capacity", "--layer", "1"]):
        status, out, err = run_main(
            [*command, "run", "--out", f"{command[0]}.svg", "--greyscale"], monkeypatch, capsys
        )
        assert status == 0, err
        assert out.strip() == f"{command[0]}.svg"
        assert "m$_1$" in (tmp_path / f"{command[0]}.svg").read_text()
    status, _, err = run_main(["capacity", "run", "--layer", "7"], monkeypatch, capsys)
    assert status == 2 and "--layer 7 has no scores: known: 0, 1, 2, 3" in err
