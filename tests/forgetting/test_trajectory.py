"""Trajectories: steps in order, only new checkpoints measured, and when knowledge was lost."""

from __future__ import annotations

import json
import random
import shutil
import socket
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import torch
from transformers import AutoModel

import probekit as pk
from probekit import cli
from probekit.cli.shown import print_results
from probekit.corpora.passage import Corpus
from probekit.errors import InputError, ModelError, TaskError
from probekit.forgetting import read_or_measure
from probekit.forgetting.base import base_of
from probekit.forgetting.checkpoint_results import CheckpointResults
from probekit.forgetting.open_checkpoints import open_checkpoints
from probekit.forgetting.probe_checkpoint import probe_checkpoint
from probekit.forgetting.steps import checkpoints_of, steps_of
from probekit.forgetting.trace import trace
from probekit.forgetting.trajectory import Trajectory
from probekit.models.checkpoint import EncoderSettings
from probekit.models.model import Model, open_model
from probekit.probes.fit_settings import FitSettings
from probekit.states.settings import ExtractSettings
from tests.processes import begin
from tests.results.made import trajectory


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
    names = [Path(path).name for path in checkpoints_of(run)]
    assert names == ["checkpoint-0", "checkpoint-20", "checkpoint-100", "checkpoint-300"]
    with pytest.raises(InputError, match="no checkpoint-N"):
        checkpoints_of(tmp_path)


def test_steps_are_in_the_names_or_are_places() -> None:
    assert steps_of(["minilm", "run/checkpoint-20", "run/checkpoint-100/"]) == [0, 20, 100]
    assert steps_of(["m@step0", "m@step1000"]) == [0, 1000]
    assert steps_of(["minilm", "genre-2e-05", "genre-0.0005"]) == [0, 1, 2]
    not_in_order = ["run/checkpoint-20", "run/checkpoint-20", "other/checkpoint-10"]
    assert steps_of(not_in_order) == [0, 1, 2]


def test_a_checkpoint_named_twice_is_refused(small: Corpus, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="b is named twice"):
        trace(["a", "b", "b"], ["upos"], folder=tmp_path, corpus=small)


def test_the_step_at_which_it_went(run: Path, small: Corpus, tmp_path: Path) -> None:
    found = trace(checkpoints_of(run), ["pos"], corpus=small, folder=tmp_path / "t")
    fell = found.fell.set_index("layer")["step"]
    assert fell[3] == 300 and fell.drop(3).isna().all()
    assert (found.table[found.table["step"] < 300]["retention"].dropna() == 1).all()
    (row,) = found.summary.to_dict("records")
    change = row["score_last"] - row["score_first"]
    assert row["backward_transfer"] == row["change"] == pytest.approx(change)
    assert row["change_low"] <= row["change"] <= row["change_high"]
    assert row["change_from_best"] == -row["forgetting"]
    # The curve of layer 3 falls.
    assert row["last_layer_change"] < row["last_layer_change_high"] < 0
    curve = found.table[found.table["layer"] == 3].set_index("step")["score"]
    assert row["last_layer_change"] == pytest.approx(curve[300] - curve[0], abs=2e-6)
    assert "last layer: " in row["verdict"]
    assert "drop" in row["verdict"] or "forgotten" in row["verdict"]
    assert found.base == checkpoints_of(run)[0]
    assert any("names no base model" in warning for warning in found.warnings)
    # The last of the best steps is what the summary says.
    last = found.best.iloc[-1]
    assert last["step"] == 300 and len(found.best) == 4
    for name, other in (
        ("change", "change"),
        ("change_low", "change_low"),
        ("score", "score_last"),
    ):
        assert last[name] == row[other]
    assert found.best["change"][0] == 0 and last["n_test"] >= last["groups"] > 0


def test_a_mistake_in_any_corpus_is_found_before_the_work(
    run: Path, small: Corpus, tmp_path: Path
) -> None:
    bare = {}
    for split, passages in small.splits.items():
        bare[split] = [replace(passage, tags={}) for passage in passages]
    stages: list[str] = []

    def report(stage: str, done: float, total: float) -> None:
        stages.append(stage)

    several = [str(run / f"checkpoint-{step}") for step in (0, 300)]
    given: dict[str, Any] = {"folder": tmp_path / "t", "progress": report}
    with pytest.raises(TaskError, match="bare"):
        trace(several, ["pos"], corpus=[small, Corpus("bare", bare)], **given)
    assert not stages
    trace(several, ["pos"], corpus=small, fit_settings=pk.FitSettings(epochs=1, words=500), **given)
    assert {"1 of 2, fit", "2 of 2, extract"} <= set(stages)


@pytest.mark.slow
def test_tasks_that_read_sentences_and_tasks_that_read_documents(
    run: Path, small: Corpus, tmp_path: Path
) -> None:
    first_and_last = [checkpoints_of(run)[0], checkpoints_of(run)[-1]]
    found = trace(first_and_last, ["pos", "coref"], corpus=small, folder=tmp_path / "t")
    assert found.summary["task"].tolist() == ["pos", "coref"]
    units = dict(zip(found.best["task"], found.best["resampled"], strict=True))
    assert units == {"pos": "sentence", "coref": "document"}


@pytest.mark.slow
def test_trees_over_steps(run: Path, small: Corpus, tmp_path: Path) -> None:
    tasks, quick = ["distance", "pos"], FitSettings(words=10_000, epochs=1)
    base, *_, noised = checkpoints_of(run)
    how: dict[str, Any] = {"corpus": small, "fit_settings": quick, "progress": False}
    found = trace([base, noised], tasks, folder=tmp_path, **how)
    assert set(found.summary["task"]) == set(tasks)
    steps = found.table[found.table["task"] == "distance"]
    scores = pk.probe(noised, "distance", **how).table
    scores = scores[scores["metric"] == "uuas"]
    assert set(steps["metric"]) == {"uuas"}
    floor = scores[scores["layer"].isna()]["score"].max()
    assert steps["floor"].tolist() == pytest.approx([floor] * len(steps), abs=1e-5)
    first, last = (steps[steps["step"] == step].set_index("layer") for step in (0, 300))
    of_layers = scores.dropna(subset="layer").set_index("layer")["score"]
    assert last["score"].tolist() == pytest.approx(of_layers.tolist(), abs=1e-5)
    moved = last["score"] - first["score"]
    assert last["change"].tolist() == pytest.approx(moved.tolist(), abs=1e-5)
    assert (last["change"].iloc[:-1] == 0).all() and last["change"].iloc[-1] != 0
    again = trace([base, noised], tasks, folder=tmp_path, **how)
    assert again.table.equals(found.table)


def watch(monkeypatch: pytest.MonkeyPatch, measured: list[str]) -> None:
    """Write down which checkpoints are measured from now on."""

    def noted(model: Model, *args: Any, **more: Any) -> CheckpointResults:
        measured.append(model.name)
        return probe_checkpoint(model, *args, **more)

    monkeypatch.setattr(read_or_measure, "probe_checkpoint", noted)


@pytest.mark.slow
def test_only_new_checkpoints_are_measured(
    run: Path, small: Corpus, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    measured: list[str] = []
    watch(monkeypatch, measured)
    paths = checkpoints_of(run)
    first = trace(paths[:2], ["pos"], corpus=small, folder=tmp_path / "t", keep_states=False)
    assert measured == paths[:1]  # the second has the same weights
    again = trace(paths, ["pos"], corpus=small, folder=tmp_path / "t")
    assert measured == [paths[0], paths[3]]
    same = again.table[again.table["step"] <= 20].reset_index(drop=True)
    assert (same["score"] - first.table["score"]).abs().max() < 1e-6
    trace(paths, ["pos"], corpus=small, folder=tmp_path / "t", seeds=(1,))
    assert len(measured) == 4  # another question


@pytest.mark.slow
def test_another_run_measures_the_same_meanwhile(
    run: Path, small: Corpus, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other: list[Trajectory] = []

    def overtaken(*args: Any, **more: Any) -> CheckpointResults:
        scores = probe_checkpoint(*args, **more)
        if not other:
            monkeypatch.setattr(read_or_measure, "probe_checkpoint", probe_checkpoint)
            other.append(trace(paths, ["pos"], corpus=small, folder=tmp_path / "t"))
        return scores

    paths = checkpoints_of(run)[::3]
    monkeypatch.setattr(read_or_measure, "probe_checkpoint", overtaken)
    mine = trace(paths, ["pos"], corpus=small, folder=tmp_path / "t")
    pd.testing.assert_frame_equal(mine.table, other[0].table, check_exact=True)
    assert len(list((tmp_path / "t" / "checkpoints").iterdir())) == 2  # and nothing half done


def test_a_checkpoint_that_cannot_be_read_is_named(
    run: Path, small: Corpus, tmp_path: Path
) -> None:
    broken = shutil.copytree(run / "checkpoint-20", tmp_path / "checkpoint-21")
    (broken / "model.safetensors").unlink()
    paths = [str(run / "checkpoint-0"), str(broken), str(run / "checkpoint-300")]
    found = trace(paths, ["pos"], corpus=small, folder=tmp_path / "t")
    assert any("checkpoint-21" in warning and "no weights" in warning for warning in found.warnings)
    assert sorted(set(found.table["step"])) == [0, 300]
    with pytest.raises(ModelError):
        trace(paths[1:], ["pos"], corpus=small, folder=tmp_path / "t")
    with pytest.raises(InputError, match="two checkpoints"):
        trace(paths[:1], ["pos"], corpus=small, folder=tmp_path / "t")


def test_the_command(
    run: Path,
    brief: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    options = [
        "--run",
        str(run),
        "--task",
        "pos",
        "--corpus",
        str(brief),
        "--keep-states",
        "no",
        "--out",
        "o",
    ]
    monkeypatch.setattr(sys, "argv", ["probekit", "trace", *options])
    with pytest.raises(SystemExit) as stop:
        cli.main()
    out = " ".join(capsys.readouterr().out.split())
    assert not stop.value.code
    assert "step 300 (layer 3)" in out and "last 3→3" in out
    assert "pos, brief: best layer: " in out
    # Layer 0 is best, and the embeddings were not trained; the last layer fell.
    assert "best layer: no change, every prediction is the same (" in out and "MDE" not in out
    assert f"retention counted from {checkpoints_of(run)[0]}" in out.replace("\n", " ")
    names = (
        "trajectory.csv",
        "fell.csv",
        "summary.csv",
        "curves.png",
        "curves.svg",
        "retention.png",
        "retention.svg",
    )
    assert all((tmp_path / "o" / name).stat().st_size for name in names)
    monkeypatch.setattr(
        sys, "argv", ["probekit", "trace", *options, "--json", "--base", checkpoints_of(run)[0]]
    )
    with pytest.raises(SystemExit):
        cli.main()
    told = json.loads(capsys.readouterr().out)
    assert told["base"] == checkpoints_of(run)[0] and any(
        "counts from" in warning for warning in told["warnings"]
    )
    (row,) = told["summary"]
    assert row["verdict"] and row["last_layer_layer_last"] == 3 and len(told["trajectory"]) == 16
    assert [one["step"] for one in told["fell"]] == [None, None, None, 300]
    monkeypatch.setattr(sys, "argv", ["probekit", "cache", "--json"])
    with pytest.raises(SystemExit):
        cli.main()
    assert json.loads(capsys.readouterr().out) == []  # states were dropped
    assert pk.trace is trace


TABLES = ("trajectory.csv", "fell.csv", "summary.csv")
QUICK = FitSettings(words=5_000)


def written(folder: Path, *args: Any, **more: Any) -> tuple[dict[str, bytes], Trajectory]:
    """The bytes of the tables of a trajectory of two checkpoints, which is read back as it was."""
    found = trace(*args, folder=folder, **more)
    found.write(folder)
    assert pk.read(folder) == found
    for schema in found.TABLES.values():
        assert not found.tables[schema.name].duplicated(list(schema.key)).any(), schema.name
    return {name: (folder / name).read_bytes() for name in TABLES}, found


@pytest.mark.slow
def test_a_run_that_goes_on_gives_the_same_bytes_and_believes_nothing_damaged(
    run: Path, small: Corpus, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    paths, folder = checkpoints_of(run)[::3], tmp_path / "t"
    expected, _ = written(folder, paths, ["pos"], corpus=small, fit_settings=QUICK)
    trace(
        paths[:1] + checkpoints_of(run)[1:2],
        ["pos"],
        corpus=small,
        fit_settings=QUICK,
        folder=tmp_path / "begun",
    )
    assert (
        written(tmp_path / "begun", paths, ["pos"], corpus=small, fit_settings=QUICK)[0] == expected
    )
    measured: list[str] = []
    watch(monkeypatch, measured)
    assert (
        written(folder, paths, ["pos"], corpus=small, fit_settings=QUICK)[0] == expected
        and not measured
    )
    rng = random.Random(0)
    one, two = sorted((folder / "checkpoints").iterdir())
    for number, name in enumerate(("scores.csv", "answers.npz", "run.json", "checksums.json")):
        content = bytearray((one / name).read_bytes())
        content[rng.randrange(len(content))] ^= 1 << rng.randrange(8)
        (one / name).write_bytes(content)
        again, found = written(folder, paths, ["pos"], corpus=small, fit_settings=QUICK)
        assert again == expected and len(measured) == number + 1, name
        assert any(
            str(one) in warning and "measured again" in warning for warning in found.warnings
        ), name
    # Another checkpoint's results under this one's name, and a file that is gone.
    for name in ("scores.csv", "answers.npz", "run.json", "checksums.json"):
        shutil.copy(two / name, one / name)
    assert (
        written(folder, paths, ["pos"], corpus=small, fit_settings=QUICK)[0] == expected
        and len(measured) == 5
    )
    (one / "answers.npz").unlink()
    assert (
        written(folder, paths, ["pos"], corpus=small, fit_settings=QUICK)[0] == expected
        and len(measured) == 6
    )


def test_what_a_killed_run_left_is_removed(run: Path, small: Corpus, tmp_path: Path) -> None:
    over = subprocess.run(
        [sys.executable, "-c", "import os; print(os.getpid())"], capture_output=True, check=True
    )
    litter = (
        tmp_path
        / "t"
        / "checkpoints"
        / f".0123456789abcdef.{socket.gethostname()}-{int(over.stdout)}.part"
    )
    for _ in range(2):  # with something to measure, and without
        litter.mkdir(parents=True)
        (litter / "scores.csv").touch()
        trace(
            checkpoints_of(run)[::3],
            ["pos"],
            corpus=small,
            folder=tmp_path / "t",
            fit_settings=QUICK,
        )
        assert not litter.exists()


@pytest.mark.slow
def test_states_that_were_there_before_stay(
    run: Path, small: Corpus, tmp_path: Path, own_cache: Path
) -> None:
    first, *_, last = checkpoints_of(run)
    there = pk.extract(first, small).folder
    trace([first, last], ["pos"], corpus=small, folder=tmp_path / "t", keep_states=False)
    assert [path for path in (own_cache / "states").iterdir() if path.is_dir()] == [there]
    assert pk.extract(first, small).computed == 0


@pytest.mark.slow
def test_each_checkpoint_keeps_its_record(run: Path, small: Corpus, tmp_path: Path) -> None:
    for _ in range(2):  # measured, and read back
        _, found = written(tmp_path / "t", checkpoints_of(run)[::3], ["pos"], corpus=small)
        record = json.loads((tmp_path / "t" / "run.json").read_text())
        assert [one["step"] for one in record["measurements"]] == [0, 300]
        weights = [one["fingerprints"]["model"]["weights"] for one in record["measurements"]]
        assert (
            len(set(weights)) == 2
            and record["settings"]["base"] == found.base
            and record["versions"]["torch"]
        )


TRACE = """
import sys, probekit as pk
sample = pk.load_corpus("sample")
small = pk.Corpus("small", {split: passages[:120] for split, passages in sample.splits.items()})
options = {"corpus": small, "folder": sys.argv[3], "keep_states": False}
print(pk.trace(sys.argv[1:3], ["pos"], **options).table.to_json())
"""


@pytest.mark.slow
def test_two_at_once_with_one_cache(run: Path, tmp_path: Path, own_cache: Path) -> None:
    both = [begin(TRACE, *checkpoints_of(run)[::3], tmp_path / out) for out in ("a", "b")]
    (one, error), (two, other) = (process.communicate() for process in both)
    assert [process.returncode for process in both] == [0, 0], error + other
    assert json.loads(one) == json.loads(two)
    assert not [path for path in (own_cache / "states").iterdir() if path.is_dir()]


def named(folder: Path, place: Path, base: object) -> str:
    """A copy of a checkpoint whose configuration names a base."""
    copy = shutil.copytree(folder, place)
    config = json.loads((copy / "config.json").read_text())
    (copy / "config.json").write_text(json.dumps({**config, "_name_or_path": base}))
    return str(copy)


def test_the_base_model_is_what_retention_counts_from(
    run: Path, small: Corpus, tmp_path: Path
) -> None:
    base, changed = str(run / "checkpoint-0"), run / "checkpoint-300"
    tuned = [named(changed, tmp_path / "run" / f"checkpoint-{n}", base) for n in (10, 20)]
    found = trace(tuned, ["pos"], corpus=small, folder=tmp_path / "t")
    assert found.base == base and any(
        "names as its base model" in warning for warning in found.warnings
    )
    assert found.table["step"].drop_duplicates().tolist() == [0, 10, 20]
    assert found.fell.set_index("layer")["step"][3] == 10
    given = trace(tuned, ["pos"], corpus=small, folder=tmp_path / "t", base=tuned[0])
    assert given.base == tuned[0] and given.fell["step"].isna().all()
    with pytest.raises(ModelError):
        trace(tuned, ["pos"], corpus=small, folder=tmp_path / "t", base="./nowhere")


@pytest.mark.parametrize(
    ("base", "message"),
    [
        ("./nowhere", "its base model cannot be opened"),
        ("somebody/nothing", "its base model cannot be opened"),
        ("", "names no base model"),
        (7, "names no base model"),
        ("a\x1b[2J", "names no base model"),
        (".", "names no base model"),
        ("ITSELF", "names no base model"),
        ("COPY", "which has the weights of its base model"),
    ],
)
def test_a_base_that_is_not_known(
    run: Path, tmp_path: Path, base: object, message: str, monkeypatch: Any
) -> None:
    place = tmp_path / "run" / "checkpoint-10"
    special = {"ITSELF": str(place), "COPY": str(run / "checkpoint-300"), ".": str(place.parent)}
    first = named(run / "checkpoint-300", place, special.get(str(base), base))
    other = str(run / "checkpoint-0")
    opened, warnings = open_checkpoints([first, other], None, ExtractSettings())
    assert next(iter(opened)) == first and len(opened) == 2
    assert any(message in warning and first in warning for warning in warnings)


def test_an_adapters_base(tiny_bert: Path, tmp_path: Path) -> None:
    from peft import LoraConfig, get_peft_model

    model = get_peft_model(
        AutoModel.from_pretrained(tiny_bert), LoraConfig(r=2, target_modules=["query"])
    )
    model.save_pretrained(tmp_path / "checkpoint-5")
    assert base_of(open_model(str(tmp_path / "checkpoint-5"), EncoderSettings())) == str(tiny_bert)


@pytest.mark.parametrize("name", ["model.safetensors", "config.json", "tokenizer.json"])
def test_a_half_written_checkpoint_is_told_before_the_work(
    run: Path, small: Corpus, tmp_path: Path, name: str
) -> None:
    half = shutil.copytree(run / "checkpoint-300", tmp_path / "checkpoint-301")
    (half / name).write_bytes((half / name).read_bytes()[:500])
    with pytest.raises(ModelError, match="checkpoint-301"):
        trace([str(run / "checkpoint-0"), str(half)], ["pos"], corpus=small, folder=tmp_path / "t")
    assert not (tmp_path / "t").exists()


@pytest.mark.parametrize(
    ("verdict", "told"),
    [("change not detected (1.0 → 2.0; MDE 1.5 points)", True), ("small drop (2.0 → 1.0)", False)],
)
def test_a_detectable_effect_is_explained_where_a_verdict_has_one(
    verdict: str, told: bool, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    made = trajectory(0.5)
    one = replace(made, summary=made.summary.head(1).assign(verdict=verdict))
    print_results(one, tmp_path, "table")
    out = capsys.readouterr().out
    assert verdict in " ".join(out.split())
    assert ("MDE: minimum detectable effect" in out) is told
