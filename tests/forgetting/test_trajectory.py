"""Traces: steps in order, what is new is measured and nothing else, and when knowledge went."""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import torch
from transformers import AutoModel

import probekit as pk
from probekit import cli
from probekit.corpora.passage import Corpus
from probekit.errors import InputError, ModelError
from probekit.forgetting import trajectory
from probekit.forgetting.trajectory import checkpoints_of, trace


@pytest.fixture(scope="module")
def run(tiny_bert: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A Trainer's folder, in which ever more noise is in the weights of the last block."""
    folder = tmp_path_factory.mktemp("run")
    for step, size in ((0, 0.0), (100, 0.0), (20, 0.0), (300, 3.0)):
        place = shutil.copytree(tiny_bert, folder / f"checkpoint-{step}")
        torch.manual_seed(0)  # of the pooler, which the checkpoint lacks
        model = AutoModel.from_pretrained(place)
        with torch.no_grad():
            for parameter in model.encoder.layer[-1].parameters():
                parameter.add_(size * torch.randn_like(parameter))
        model.save_pretrained(place)
    (folder / "runs").mkdir()
    return folder


def test_checkpoints_stand_in_the_order_of_their_steps(run: Path, tmp_path: Path) -> None:
    assert [Path(p).name for p in checkpoints_of(run)] == [f"checkpoint-{n}" for n in (0, 20, 100, 300)]
    with pytest.raises(InputError, match="no checkpoint-N"):
        checkpoints_of(tmp_path)


def test_steps_are_in_the_names_or_are_places() -> None:
    assert trajectory._steps(["minilm", "run/checkpoint-20", "run/checkpoint-100/"]) == [0, 20, 100]
    assert trajectory._steps(["m@step0", "m@step1000"]) == [0, 1000]
    assert trajectory._steps(["minilm", "genre-2e-05", "genre-0.0005"]) == [0, 1, 2]
    assert trajectory._steps(["run/checkpoint-20", "run/checkpoint-20", "other/checkpoint-10"]) == [0, 1, 2]


def test_a_checkpoint_named_twice_is_refused(small: Corpus, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="b is named twice"):
        trace(["a", "b", "b"], ["upos"], folder=tmp_path, corpus=small)


def test_the_step_at_which_it_went(run: Path, small: Corpus, tmp_path: Path) -> None:
    found = trace(checkpoints_of(run), ["pos"], corpus=small, folder=tmp_path / "t")
    fell = found.fell.set_index("layer")["step"]
    assert fell[3] == 300 and fell.drop(3).isna().all()
    assert (found.table[found.table["step"] < 300]["retention"] - 1).abs().max() < 1e-5  # the files have six decimals
    (row,) = found.summary.to_dict("records")
    assert row["backward_transfer"] == pytest.approx(row["score_last"] - row["score_first"])


def test_only_new_checkpoints_are_measured(
    run: Path, small: Corpus, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    measured: list[str] = []
    probe = trajectory.probe_checkpoint
    monkeypatch.setattr(
        trajectory,
        "probe_checkpoint",
        lambda model, *args, **more: measured.append(model) or probe(model, *args, **more),
    )
    paths = checkpoints_of(run)
    first = trace(paths[:2], ["pos"], corpus=small, folder=tmp_path / "t", keep_states=False)
    assert measured == paths[:1]  # the second has the same weights
    again = trace(paths, ["pos"], corpus=small, folder=tmp_path / "t")
    assert measured == [paths[0], paths[3]]
    same = again.table[again.table["step"] <= 20].reset_index(drop=True)
    assert (same["score"] - first.table["score"]).abs().max() < 1e-6
    trace(paths, ["pos"], corpus=small, folder=tmp_path / "t", seeds=(1,))
    assert len(measured) == 4  # another question


def test_another_run_measures_the_same_meanwhile(
    run: Path, small: Corpus, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    probe = trajectory.probe_checkpoint
    other = []

    def overtaken(*args: Any, **more: Any) -> pk.Scores:
        scores = probe(*args, **more)
        if not other:
            monkeypatch.setattr(trajectory, "probe_checkpoint", probe)
            other.append(trace(paths, ["pos"], corpus=small, folder=tmp_path / "t"))
        return scores

    paths = checkpoints_of(run)[::3]
    monkeypatch.setattr(trajectory, "probe_checkpoint", overtaken)
    mine = trace(paths, ["pos"], corpus=small, folder=tmp_path / "t")
    # One reads a file's six decimals where the other measured.
    pd.testing.assert_frame_equal(mine.table, other[0].table, atol=1e-5)
    assert len(list((tmp_path / "t" / "checkpoints").iterdir())) == 2  # and nothing half done


def test_a_checkpoint_that_cannot_be_read_is_named(run: Path, small: Corpus, tmp_path: Path) -> None:
    broken = shutil.copytree(run / "checkpoint-20", tmp_path / "checkpoint-21")
    (broken / "model.safetensors").unlink()
    paths = [str(run / "checkpoint-0"), str(broken), str(run / "checkpoint-300")]
    found = trace(paths, ["pos"], corpus=small, folder=tmp_path / "t")
    assert any("checkpoint-21" in notice and "no weights" in notice for notice in found.notices)
    assert sorted(set(found.table["step"])) == [0, 300]
    with pytest.raises(ModelError):
        trace(paths[1:], ["pos"], corpus=small, folder=tmp_path / "t")
    with pytest.raises(InputError, match="two checkpoints"):
        trace(paths[:1], ["pos"], corpus=small, folder=tmp_path / "t")


def test_the_command(
    run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    options = ["--run", str(run), "--task", "pos", "--corpus", "sample", "--keep-states", "no", "--out", "o"]
    monkeypatch.setattr(sys, "argv", ["probekit", "trace", *options])
    with pytest.raises(SystemExit) as stop:
        cli.main()
    out = " ".join(capsys.readouterr().out.split())
    assert not stop.value.code
    assert "step 300 (layer 3)" in out
    names = ("trace.csv", "fell.csv", "summary.csv", "curves.png", "curves.svg", "retention.png", "retention.svg")
    assert all((tmp_path / "o" / name).stat().st_size for name in names)
    monkeypatch.setattr(sys, "argv", ["probekit", "cache", "--json"])
    with pytest.raises(SystemExit):
        cli.main()
    assert json.loads(capsys.readouterr().out) == []  # states were dropped
    assert pk.trace is trace
