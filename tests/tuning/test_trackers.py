"""Trackers: what a Trainer reports to has what the callback measured."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from transformers.integrations import (
    INTEGRATION_TO_CALLBACK,
    TensorBoardCallback,
    TrackioCallback,
    WandbCallback,
)

import probekit as pk
from probekit.corpora.passage import Corpus
from probekit.tuning.layers_over_steps import layers_over_steps
from probekit.tuning.trackers import show_to_trackers
from tests.tuning.test_callback import trainer


@pytest.mark.slow
@pytest.mark.parametrize("every", [4, 5])
def test_tensorboard_has_all_that_was_measured(
    every: int, tiny_bert: Path, small: Corpus, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TENSORBOARD_LOGGING_DIR", str(tmp_path / "runs"))
    watched = trainer(tiny_bert, small, tmp_path / "out")
    watched.add_callback(TensorBoardCallback)
    callback = pk.ForgettingCallback(watched, ["pos", "dep"], corpus=small, every=every)
    watched.add_callback(callback)
    watched.train()
    events = EventAccumulator(str(tmp_path / "runs"), size_guidance={"images": 0}).Reload()
    logged: dict[tuple[str, int], float] = {}
    for tag in events.Tags()["scalars"]:
        if tag.startswith("train/probe_"):
            for one in events.Scalars(tag):
                assert (tag, one.step) not in logged
                logged[tag, one.step] = one.value
    expected = {}
    for found in callback.history:
        for name, value in found.items():
            if name != "step":
                expected[f"train/{name}", int(found["step"])] = np.float32(value)
    assert logged == expected
    assert {step for _, step in logged} == {0, 4, 8, 12, 16} if every == 4 else {0, 5, 10, 15, 16}
    assert sorted(events.Tags()["images"]) == ["probe_dep", "probe_pos"]
    assert {image.step for image in events.Images("probe_pos")} == {16}
    # All was written before the tracker closed: one file, and none is open.
    assert len(list((tmp_path / "runs").glob("events.*"))) == 1


def test_the_picture_has_a_row_for_each_layer_and_a_column_for_each_step() -> None:
    history = []
    for step, change in ((0, 0.0), (10, 0.5)):
        found = {f"probe_$x$_layer_{layer}": layer / 10 + change for layer in (0, 6)}
        history.append({"step": step, **found})
    drawn = layers_over_steps(history, "$x$")
    assert drawn.dtype == np.uint8 and drawn.shape == (360, 640, 3)
    inside = drawn[60:280, 60:520].reshape(-1, 3)
    colours, counts = np.unique(inside, axis=0, return_counts=True)
    assert (counts > 10_000).sum() == 4, colours  # four different scores


@pytest.mark.parametrize(("name", "kind"), [("wandb", WandbCallback), ("trackio", TrackioCallback)])
def test_pictures_go_to_other_trackers_as_they_take_them(
    name: str, kind: Any, tiny_bert: Path, small: Corpus, tmp_path: Path
) -> None:
    """The packages are not installed: what is called of them is written down."""
    assert INTEGRATION_TO_CALLBACK[name] is kind
    calls: list[dict[str, Any]] = []
    package = SimpleNamespace(log=calls.append, Image=lambda pixels: ("image", pixels.shape))
    tracker = kind.__new__(kind)
    setattr(tracker, f"_{name}", package)
    watched = trainer(tiny_bert, small, tmp_path)
    watched.callback_handler.callbacks.append(tracker)
    watched.state.global_step = 7
    show_to_trackers(watched, "probe_pos", np.zeros((4, 5, 3), dtype=np.uint8))
    assert calls == [{"probe_pos": ("image", (4, 5, 3)), "train/global_step": 7}]
