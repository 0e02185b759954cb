"""The verb: what it refuses, what it says of training that fails, and what a kill leaves."""

from __future__ import annotations

import errno
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from transformers import Trainer

import probekit as pk
from probekit.corpora.passage import Corpus
from probekit.errors import ProbekitError
from probekit.tuning import trainer as trainers
from probekit.tuning.predicted import Answers
from probekit.tuning.predictions import keep_predictions, kept_predictions
from tests.commands import run_main
from tests.processes import begin
from tests.tuning.made import on_disk
from tests.tuning.test_recipes import TINY, corpus_file

KILLED = """
import os
import time
def report(stage, done, total):
    if "1 of 2" in stage and done == 1:
        time.sleep(2)
    if "2 of 2" in stage and done >= 3:
        os._exit(9)
"""


@pytest.fixture(scope="module")
def text(small: Corpus, tmp_path_factory: pytest.TempPathFactory) -> str:
    """A few sentences as data."""
    return f"{corpus_file(small, tmp_path_factory.mktemp('data') / 'text')}:pos"


def run(model: Path, text: str, out: Path, recipe: str = "full", **given: Any) -> pk.Tuned:
    given = {"settings": TINY, "progress": False, **given}
    return pk.finetune(model, text, recipe, out=out, **given)


def same_tables(one: pk.Tuned, other: pk.Tuned) -> None:
    for name, table in one.tables.items():
        pd.testing.assert_frame_equal(table, other.tables[name], check_exact=True)


@pytest.mark.parametrize(
    ("recipe", "save_every"),
    [
        ("full", 2),
        pytest.param("full", None, marks=pytest.mark.slow),
        pytest.param("ulmfit", 2, marks=pytest.mark.slow),
        pytest.param("ewc", None, marks=pytest.mark.slow),
        pytest.param("lora", 2, marks=pytest.mark.slow),
        pytest.param("prefix", 2, marks=pytest.mark.slow),
        pytest.param("frozen", 2, marks=pytest.mark.slow),
    ],
)
def test_a_run_that_is_killed_goes_on_with_the_same_result(
    recipe: str, save_every: int | None, tiny_bert: Path, text: str, tmp_path: Path
) -> None:
    settings = (
        f"pk.TuningSettings(rate=1e-3, epochs=2, batch=8, device='cpu', save_every={save_every})"
    )
    call = f"pk.finetune({str(tiny_bert)!r}, {text!r}, {recipe!r}, settings={settings}"
    code = f"{KILLED}\nimport probekit as pk\n{call}, out={str(tmp_path / 'b')!r}, progress=report)"
    killed = begin(code)
    _, errors = killed.communicate()
    assert killed.returncode == 9, errors
    assert not (tmp_path / "b" / "run.json").exists()
    how = pk.TuningSettings(rate=1e-3, epochs=2, batch=8, device="cpu", save_every=save_every)
    plain = run(tiny_bert, text, tmp_path / "a", recipe, settings=how)
    with pytest.raises(ProbekitError, match="holds another run: give resume=True"):
        run(tiny_bert, text, tmp_path / "b", recipe, settings=how)
    steps: list[str] = []

    def report(stage: str, done: float, total: float) -> None:
        if stage.startswith("epoch"):
            steps.append(stage)

    started = time.perf_counter()
    resumed = run(
        tiny_bert, text, tmp_path / "b", recipe, settings=how, resume=True, progress=report
    )
    own = time.perf_counter() - started
    assert resumed.run.seconds["all"] > own + 1  # and two before it was killed
    assert len(steps) == (5 if save_every is None else 4)  # of ten: the others were not repeated
    same_tables(plain, resumed)
    name = {"lora": "adapter_model", "prefix": "adapter_model", "frozen": "head"}
    file = f"{name.get(recipe, 'model')}.safetensors"
    assert (tmp_path / "a" / file).read_bytes() == (tmp_path / "b" / file).read_bytes()
    same_tables(plain, run(tiny_bert, text, tmp_path / "b", recipe, settings=how, resume=True))


@pytest.mark.slow
def test_a_checkpoint_that_was_cut_off_is_not_resumed(
    tiny_bert: Path, text: str, tmp_path: Path
) -> None:
    plain = run(tiny_bert, text, tmp_path / "a")
    other = run(tiny_bert, text, tmp_path / "b")
    (tmp_path / "b" / "run.json").unlink()
    state = tmp_path / "b" / "checkpoint-10" / "trainer_state.json"
    state.write_text(state.read_text()[:100])
    same_tables(plain, run(tiny_bert, text, tmp_path / "b", resume=True))
    same_tables(plain, other)


@pytest.mark.slow
def test_another_run_is_resumed_only_with_what_it_was_started_with(
    tiny_bert: Path, text: str, tmp_path: Path
) -> None:
    run(tiny_bert, text, tmp_path / "a")
    with pytest.raises(ProbekitError, match="was started with recipe 'full', not 'lora'"):
        run(tiny_bert, text, tmp_path / "a", "lora", resume=True)
    (tmp_path / "a" / "notes.txt").write_text("mine")
    again = run(tiny_bert, text, tmp_path / "a", "top-0", overwrite=True)
    assert set(again.table["recipe"]) == {"top-0"}
    assert (tmp_path / "a" / "notes.txt").read_text() == "mine"
    run(tiny_bert, text, tmp_path / "new", "top-0")
    expected = {path.name for path in (tmp_path / "new").iterdir()} | {"notes.txt"}
    assert {path.name for path in (tmp_path / "a").iterdir()} == expected
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / "notes.md").write_text("mine")
    ways: list[dict[str, Any]] = [{}, {"overwrite": True}, {"resume": True}]
    for given in ways:
        with pytest.raises(ProbekitError, match="holds other files: give a new folder"):
            run(tiny_bert, text, tmp_path / "b", **given)
    assert [one.name for one in (tmp_path / "b").iterdir()] == ["notes.md"]


def fails_at(step: int, failure: Callable[[], None]) -> Callable[..., Any]:
    """Trainer's compute_loss, which at one step calls `failure` first."""
    whole = trainers.TuningTrainer.compute_loss

    def compute_loss(self: Any, model: Any, inputs: Any, *args: Any, **given: Any) -> Any:
        found = whole(self, model, inputs, *args, **given)
        if model.training and self.state.global_step + 1 == step:
            failure()
            return found * float("nan")
        return found

    return compute_loss


def test_a_loss_that_is_not_a_number_is_reported_and_the_last_checkpoint_kept(
    tiny_bert: Path, text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trainers.TuningTrainer, "compute_loss", fails_at(7, lambda: None))
    with pytest.raises(
        ProbekitError, match="the loss is nan at step 7 of 10; give a lower"
    ) as told:
        run(tiny_bert, text, tmp_path / "a")
    assert f"the last good checkpoint is {tmp_path / 'a' / 'checkpoint-5'}" in str(told.value)
    assert all(one.isfinite().all() for one in on_disk(tmp_path / "a" / "checkpoint-5").values())
    assert pk.extract(tmp_path / "a", pk.load_corpus("sample"), progress=False).n_layers == 4


def test_weights_that_are_not_numbers_are_never_saved(
    tiny_bert: Path, text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = trainers.TuningTrainer._save_checkpoint

    def broken(self: Any, model: Any, trial: Any) -> None:
        if self.state.global_step == 10:
            with torch.no_grad():
                self.model.classifier.bias[0] = float("inf")
        whole(self, model, trial)

    monkeypatch.setattr(trainers.TuningTrainer, "_save_checkpoint", broken)
    with pytest.raises(ProbekitError, match=r"classifier.bias are not numbers .*checkpoint-5"):
        run(tiny_bert, text, tmp_path / "a")
    assert [one.name for one in (tmp_path / "a").glob("checkpoint-*")] == ["checkpoint-5"]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("what", "failure"),
    [
        ("save_model", OSError(errno.ENOSPC, "No space left on device")),
        # What torch.save raises on a full disk, whose room is then looked up.
        (
            "_save_optimizer_and_scheduler",
            RuntimeError("[enforce fail at inline_container.cc:672] . unexpected pos 64 vs 0"),
        ),
    ],
)
def test_a_full_disk_leaves_the_checkpoint_before(
    what: str,
    failure: Exception,
    tiny_bert: Path,
    text: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    whole = getattr(Trainer, what)

    def full(self: Any, output_dir: str, *args: Any, **given: Any) -> None:
        whole(self, output_dir, *args, **given)
        if output_dir.endswith("checkpoint-10"):
            raise failure

    monkeypatch.setattr(Trainer, what, full)
    no_room = SimpleNamespace(free=0)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: no_room)
    with pytest.raises(ProbekitError, match=r"the disk is full\. Free some .*checkpoint-5"):
        run(tiny_bert, text, tmp_path / "a")
    assert [one.name for one in (tmp_path / "a").glob("checkpoint-*")] == ["checkpoint-5"]
    monkeypatch.undo()
    monkeypatch.setenv("PROBEKIT_CACHE", str(tmp_path / "cache"))
    plain = run(tiny_bert, text, tmp_path / "b")
    same_tables(plain, run(tiny_bert, text, tmp_path / "a", resume=True))


@pytest.mark.slow
def test_training_that_ends_at_chance_is_reported(
    tiny_bert: Path, text: str, tmp_path: Path
) -> None:
    settings = pk.TuningSettings(rate=1e-9, epochs=1, batch=8, device="cpu")
    found = run(tiny_bert, text, tmp_path / "a", settings=settings)
    assert any("training ended at chance" in warning for warning in found.warnings)


@pytest.mark.slow
def test_what_the_model_knows_is_measured_during_training_and_after_a_kill(
    tiny_bert: Path, text: str, tmp_path: Path
) -> None:
    def probed(folder: Path) -> list[dict[str, float]]:
        import json

        state = json.loads((folder / "trainer_state.json").read_text())
        rows = [row for row in state["log_history"] if "probe_pos_retention" in row]
        for row in rows:
            del row["probe_seconds"]
        return rows

    run(tiny_bert, text, tmp_path / "a", probe_every=4)
    run(tiny_bert, text, tmp_path / "b", probe_every=4)
    (tmp_path / "b" / "run.json").unlink()
    (tmp_path / "b" / "checkpoint-10" / "trainer_state.json").unlink()
    run(tiny_bert, text, tmp_path / "b", probe_every=4, resume=True)
    assert [row["step"] for row in probed(tmp_path / "a")] == [4, 8, 10]
    assert probed(tmp_path / "a") == probed(tmp_path / "b")


MISTAKES: list[tuple[list[str], str]] = [
    (["--recipe", "ulmfti"], "unknown value of --recipe 'ulmfti': did you mean 'ulmfit'?"),
    (["--recipe", "top-9"], "--recipe top-9: '{model}' has 3 layers"),
    (["--set", "strength"], "--set takes NAME=VALUE"),
    (["--set", "strength=1"], "full has no settings, so not 'strength'"),
    (["--recipe", "l2sp", "--set", "strenth=1"], "did you mean 'strength'"),
    (["--recipe", "l2sp", "--set", "strength=much"], "strength takes a number from 0 on"),
    (["--recipe", "ulmfit", "--set", "gradual=maybe"], "gradual is yes or no"),
    (["--recipe", "wise", "--set", "coefficient=2"], "coefficient is 'dev' or a number from 0"),
    (["--recipe", "lora", "--set", "targets=q_proj"], "its modules: query, key, value"),
    (["--recipe", "replay"], "--recipe replay needs a language-modelling head"),
    (["--recipe", "frozen", "--probe-every", "2"], "does not change what the model knows"),
    (["--rate", "7"], "rate is 7: it takes a number above 0, up to 1"),
    (["--text", "a"], "text, label and regression are for tables"),
    (["--device", "mps"], "the device 'mps' is not available: use --device cpu"),
    (["--resume", "--overwrite"], "give --resume or --overwrite, not both"),
    (["--model", "./nothing"], "there is no model folder './nothing'"),
    (["--data", "sample:dep"], "has the shape 'arc'"),
]


@pytest.mark.parametrize(("options", "message"), MISTAKES, ids=[m for _, m in MISTAKES])
def test_mistakes_are_told_in_a_line_or_two(
    options: list[str],
    message: str,
    tiny_bert: Path,
    text: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    given = ["finetune", "--model", str(tiny_bert), "--data", text, "--out", "out", *options]
    status, out, err = run_main(given, monkeypatch, capsys)
    errors = [line for line in err.splitlines() if line.startswith("error: ")]
    assert status == 2 and len(errors) == 1, (out, err)
    assert message.format(model=tiny_bert) in errors[0]
    assert not (tmp_path / "out").exists()


def test_the_command_prints_scores_and_where_they_are(
    tiny_bert: Path,
    text: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    out = str(tmp_path / "out")
    given = ["finetune", "--model", str(tiny_bert), "--data", text, "--out", out]
    given += ["--epochs", "1", "--batch", "8", "--rate", "1e-3"]
    status, printed, err = run_main(given, monkeypatch, capsys)
    assert status == 0, err
    for part in ("accuracy", "macro_f1", "step 5, epoch 1: loss", "finetuned.csv, history.csv"):
        assert part in printed
    tuned = pk.Tuned.read(out)
    checksum = tuned.run.settings["predictions"]
    said = kept_predictions(tmp_path / "out", "test", checksum)
    assert np.mean(said.gold == said.said) == pytest.approx(tuned.score, abs=1e-6)
    assert len(said.groups) == len(said.gold) and len(np.unique(said.groups)) > 1
    assert kept_predictions(tmp_path / "out", "dev", checksum).said.dtype == said.said.dtype
    status, printed, _ = run_main(["table", out], monkeypatch, capsys)
    assert status == 0 and "accuracy" in printed
    status, _, err = run_main(["heatmap", out], monkeypatch, capsys)
    assert status == 2 and "not a Tuned" in err


def test_predictions_that_are_missing_or_changed_are_refused(tmp_path: Path) -> None:
    """One flipped bit is enough; a folder of an earlier version has none."""
    values = np.arange(5)
    checksum = keep_predictions(tmp_path, {"test": Answers(values, values, values)})
    assert (kept_predictions(tmp_path, "test", checksum).said == values).all()
    path = tmp_path / "predictions.safetensors"
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    with pytest.raises(ProbekitError, match=r"was changed .* so that it is fine-tuned again"):
        kept_predictions(tmp_path, "test", checksum)
    path.unlink()
    with pytest.raises(ProbekitError, match=r"cannot be read .* so that it is fine-tuned again"):
        kept_predictions(tmp_path, "test", checksum)
