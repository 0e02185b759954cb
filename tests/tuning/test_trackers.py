"""Trackers: what a Trainer reports to has what the callback measured."""

from __future__ import annotations

import json
import struct
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from matplotlib.image import imread
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


def watched_by(name: str, model: Path, corpus: Corpus, out: Path) -> pk.ForgettingCallback:
    """A callback that has measured a training run which a tracker watched."""
    watched = trainer(model, corpus, out)
    watched.args.run_name = "run"
    watched.add_callback(INTEGRATION_TO_CALLBACK[name])
    callback = pk.ForgettingCallback(watched, ["pos"], corpus=corpus, every=5)
    watched.add_callback(callback)
    watched.train()
    return callback


def require_same(logged: list[dict[str, Any]], callback: pk.ForgettingCallback) -> dict[str, Any]:
    """Check that a tracker has what the callback measured, each once; return its picture."""
    measured: dict[tuple[str, int], float] = {}
    for found in callback.history:
        step = int(found["step"])
        measured |= {(f"train/{name}", step): one for name, one in found.items() if name != "step"}
    recorded: dict[tuple[str, int], float] = {}
    for row in logged:
        for name, value in row.items():
            if name.startswith("train/probe_"):
                assert (name, row["train/global_step"]) not in recorded
                recorded[name, row["train/global_step"]] = value
    assert recorded == measured and {step for _, step in recorded} == {0, 5, 10, 15, 16}
    drawn = []
    for row in logged:
        if any(name.startswith("probe_pos") for name in row):
            drawn.append(row)
    (picture,) = drawn
    assert picture["train/global_step"] == 16
    return picture


@pytest.mark.slow
def test_trackio_itself_has_all_that_was_measured(
    tiny_bert: Path, small: Corpus, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TRACKIO_DIR", str(tmp_path / "tracked"))
    storage = pytest.importorskip("trackio.sqlite_storage").SQLiteStorage
    callback = watched_by("trackio", tiny_bert, small, tmp_path / "out")
    picture = require_same(storage.get_logs("huggingface", "run"), callback)["probe_pos"]
    (file,) = (tmp_path / "tracked").rglob(Path(picture["file_path"]).name)
    assert imread(file).shape[:2] == (360, 640)


@pytest.mark.slow
def test_wandb_itself_has_all_that_was_measured(
    tiny_bert: Path, small: Corpus, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wandb = pytest.importorskip("wandb")
    given = {"WANDB_MODE": "offline", "WANDB_DIR": str(tmp_path), "WANDB_SILENT": "true"}
    for name, value in given.items():
        monkeypatch.setenv(name, value)
    callback = watched_by("wandb", tiny_bert, small, tmp_path / "out")
    wandb.finish()
    (file,) = tmp_path.rglob("run-*.wandb")
    picture = require_same(list(wandb_history(file)), callback)
    assert imread(file.parent / "files" / picture["probe_pos/path"]).shape[:2] == (360, 640)


def wandb_history(file: Path) -> Iterator[dict[str, Any]]:
    """The values that W&B wrote while it was offline, log by log."""
    proto = import_module("wandb.proto.wandb_internal_pb2")
    for content in wandb_records(file.read_bytes()):
        record = proto.Record()
        record.ParseFromString(content)
        if record.WhichOneof("record_type") == "history":
            items = record.history.item
            yield {one.key or "/".join(one.nested_key): json.loads(one.value_json) for one in items}


def wandb_records(content: bytes) -> Iterator[bytes]:
    """The records of a file of W&B: seven bytes, then LevelDB's log format, in blocks of 32 KiB."""
    at, kept = 7, b""
    while at + 7 <= len(content):
        left = 32_768 - at % 32_768
        if left < 7:  # the rest of a block
            at += left
            continue
        length, kind = struct.unpack("<HB", content[at + 4 : at + 7])  # after the checksum
        part = content[at + 7 : at + 7 + length]
        kept = part if kind in (1, 2) else kept + part  # 1: whole, 2: the first part
        at += 7 + length
        if kind in (1, 4):  # 4: the last part
            yield kept


@pytest.mark.parametrize(("name", "kind"), [("wandb", WandbCallback), ("trackio", TrackioCallback)])
def test_pictures_go_to_other_trackers_as_they_take_them(
    name: str, kind: Any, tiny_bert: Path, small: Corpus, tmp_path: Path
) -> None:
    """Where the packages are not installed: what is called of them is written down."""
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
