"""Model cards: the hub's library reads the scores back, and the rest of the README stays."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from shutil import copytree
from typing import Any

import pandas as pd
import pytest
from huggingface_hub import ModelCard

import probekit as pk
from probekit.errors import InputError, ModelError, StoreError
from probekit.models.checkpoint import Checkpoint, EncoderSettings
from probekit.reports.model_card import END, START
from probekit.results.run import Measurement, Run
from tests.commands import run_main
from tests.reports.test_heatmap import scores
from tests.reports.test_latex_files import comparison

OTHERS = """license: mit   # as its base
tags:
- a
- "b"
model-index:
- name: tuned
  results:
  - task: {type: text-classification}
    dataset: {name: SST-2, type: glue, config: sst2}
    metrics:
    - {type: accuracy, value: 0.9, unknown: kept}
base_model: bert   # the last key
"""
BODY = "# My model\n\nIt has *two* trailing spaces  \n"


@pytest.fixture
def checkpoint(tiny_bert: Path, tmp_path: Path) -> Path:
    """A checkpoint of its own, and beside it `run` and `change`, what was measured of it."""
    folder = tmp_path / "tuned"
    copytree(tiny_bert, folder)
    weights = Checkpoint(str(folder), EncoderSettings()).fingerprint()
    replace(scores(), run=run_of(m=weights)).write(tmp_path / "run")
    others = {"weights": "0", "tokenizer": "0"}
    replace(comparison(), run=run_of(b=others, a=weights)).write(tmp_path / "change")
    return folder


def run_of(**fingerprints: Any) -> Run:
    """The record of a run that read these models."""
    read = []
    for name, sums in fingerprints.items():
        about: dict[str, Any] = {"corpus": "c", "context": "sentence"}
        read.append(Measurement(model=name, fingerprints={"model": sums}, **about))
    return Run(measurements=tuple(read))


def test_the_hubs_library_reads_the_scores_back(checkpoint: Path, tmp_path: Path) -> None:
    path = pk.model_card(checkpoint, [tmp_path / "run", tmp_path / "change"])
    assert path == checkpoint / "README.md"
    card = ModelCard.load(path)
    found = {}
    for one in card.data.eval_results:
        assert (one.task_type, one.dataset_name, one.dataset_split) == ("probing", "c", "test")
        assert one.dataset_config == one.task_name
        found[one.task_name, one.metric_type, one.metric_name] = one.metric_value
    kept = pd.read_csv(tmp_path / "run" / "scores.csv")
    best = pd.read_csv(tmp_path / "change" / "best.csv").iloc[0]
    on = {}
    for task, layer in (("pos", 1), ("dep", 2)):
        rows = kept[(kept["task"] == task) & (kept["layer"] == layer)]
        on[task] = rows["score"].item()
    probe = "accuracy of a probe (linear), layer"
    assert found == {
        ("pos", "accuracy", f"{probe} 1 of 0–2, 95% interval 0.900 to 0.920"): on["pos"],
        ("dep", "accuracy", f"{probe} 2 of 0–2, 95% interval 0.590 to 0.610"): on["dep"],
        ("pos", "accuracy", "accuracy of a probe, layer 4"): best["score_after"],
        ("pos", "change", "change since b, best layers, 95% interval -0.131 to -0.099"): best[
            "delta"
        ],
    }
    assert card.data.model_name == "tuned"
    assert "| pos | 1 of 0–2 | 0.910 |" in card.text and "\n# tuned\n" in f"\n{card.text}"


@pytest.mark.parametrize("line_break", ["\n", "\r\n"])
@pytest.mark.parametrize("mark", ["", "\ufeff"])
def test_the_rest_of_a_readme_stays(
    mark: str, line_break: str, checkpoint: Path, tmp_path: Path
) -> None:
    path = checkpoint / "README.md"
    text = f"{mark}---\n{OTHERS}---\n{BODY}".replace("\n", line_break)
    path.write_bytes(text.encode())
    pk.model_card(checkpoint, tmp_path / "run")
    once = path.read_bytes().decode()
    before, _, after = OTHERS.partition("model-index")
    assert once.startswith(
        f"{mark}---\n{before}base_model: bert   # the last key\n".replace("\n", line_break)
    )
    body = BODY.replace("\n", line_break)
    assert f"---{line_break}{body}{line_break}{START}" in once and after
    assert "\n" not in once.replace("\r\n", "") or line_break == "\n"
    data: Any = ModelCard(once.removeprefix(mark)).data
    assert (data.license, data.tags, data.base_model) == ("mit", ["a", "b"], "bert")
    kinds = [one.task_type for one in data.eval_results]
    assert kinds == ["text-classification", "probing", "probing"]
    assert "unknown: kept" in once
    path.write_bytes(once.replace(END, f"{END} and more").encode())
    pk.model_card(checkpoint, tmp_path / "change")
    twice = path.read_bytes().decode()
    assert twice.count(START) == 1 and f"{END} and more{line_break}" in twice
    assert "1 of 0–2" not in twice and f"---{line_break}{body}{line_break}{START}" in twice
    data = ModelCard(twice.removeprefix(mark)).data
    assert [one.task_type for one in data.eval_results] == kinds
    path.write_bytes(once.encode())
    pk.model_card(checkpoint, tmp_path / "run")
    assert path.read_bytes().decode() == once, "written again it is the same"


@pytest.mark.parametrize("text", [BODY, "", "---\n---\n" + BODY, "no line break at the end"])
def test_a_readme_without_metadata_gets_some(text: str, checkpoint: Path, tmp_path: Path) -> None:
    path = checkpoint / "README.md"
    path.write_text(text, encoding="utf-8")
    pk.model_card(checkpoint, tmp_path / "run")
    once = path.read_text(encoding="utf-8")
    assert len(ModelCard.load(path).data.eval_results) == 2
    assert text.removeprefix("---\n---\n") in once
    pk.model_card(checkpoint, tmp_path / "run")
    assert path.read_text(encoding="utf-8") == once


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("---\na: [\n---\n", "are not metadata"),
        ("---\n- a\n---\n", "are not metadata"),
        ("---\nmodel-index:\n- a\n---\n", "are not metadata"),
        ("---\n1: a\n---\n", "are not metadata"),
        ("---\n{license: mit}\n---\n", "in braces: give each key a line"),
        (f"{START}\n", "needs one '<!-- probekit: start -->' and after it one"),
        (f"{END}\n{START}\n", "needs one"),
        (f"{START}\n{END}\n{START}\n{END}\n", "needs one"),
        ("\udcff", "is not UTF-8"),
    ],
)
def test_a_readme_that_cannot_be_used_stays(
    text: str, message: str, checkpoint: Path, tmp_path: Path
) -> None:
    path = checkpoint / "README.md"
    content = text.encode(errors="surrogateescape")
    path.write_bytes(content)
    with pytest.raises(InputError, match=message) as refused:
        pk.model_card(checkpoint, tmp_path / "run")
    assert len(str(refused.value).splitlines()) == 1
    assert path.read_bytes() == content


def test_results_of_other_weights_are_refused(checkpoint: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    copytree(checkpoint, other)
    (other / "README.md").unlink(missing_ok=True)
    config = (other / "config.json").read_text(encoding="utf-8")
    (other / "config.json").write_text(
        config.replace('"hidden_dropout_prob": 0.1', '"hidden_dropout_prob": 0.2')
    )
    with pytest.raises(InputError, match="the results in run are of 'm', not of the weights in"):
        pk.model_card(other, tmp_path / "run")
    scores().write(tmp_path / "alone")
    with pytest.raises(InputError, match="of a model that is not recorded"):
        pk.model_card(checkpoint, tmp_path / "alone")
    assert not (checkpoint / "README.md").exists()


def test_results_of_another_kind_are_refused(checkpoint: Path, tmp_path: Path) -> None:
    from tests.results.made import recipe_scores

    recipe_scores(0.5).write(tmp_path / "grid")
    with pytest.raises(InputError, match=r"grid holds results of kind '.*': a model card"):
        pk.model_card(checkpoint, tmp_path / "grid")


def test_a_folder_that_is_not_a_checkpoint(checkpoint: Path, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"no config\.json"):
        pk.model_card(tmp_path / "run", tmp_path / "run")
    with pytest.raises(InputError, match=r"did you mean '.*/tuned'"):
        pk.model_card(tmp_path / "tunde", tmp_path / "run")


@pytest.mark.slow
def test_the_command_line_writes_all_forms(
    checkpoint: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    command = ["report", "run", "--latex", "tables", "--markdown", "x.md", "--style", "paper"]
    status, out, err = run_main([*command, "--model-card", "tuned"], monkeypatch, capsys)
    assert status == 0 and not err
    written = out.split()
    assert written[0] == "tables/run-scores.tex" and written[-1] == "tuned/README.md"
    assert "x.md" in written and all(Path(path).is_file() for path in written)
    assert not Path("report.html").exists()
    (checkpoint / "README.md").write_text("---\na: [\n---\n", encoding="utf-8")
    for bad in (
        ["report", "run", "--model-card", "tuned"],
        ["report", "run", "--model-card", "run"],
        ["report", "tuned", "--model-card", "tuned"],
        ["report", "tuned", "--latex", "tables"],
    ):
        status, out, err = run_main(bad, monkeypatch, capsys)
        assert status == 2 and out == "" and len(err.splitlines()) == 1, err


def test_a_run_that_is_killed_leaves_the_readme(
    checkpoint: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = checkpoint / "README.md"
    path.write_text(BODY, encoding="utf-8")

    def stopped(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(Path, "replace", stopped)
    with pytest.raises(KeyboardInterrupt):
        pk.model_card(checkpoint, tmp_path / "run")
    assert path.read_text(encoding="utf-8") == BODY
    assert not list(checkpoint.glob(".*.part"))


def test_a_readme_that_cannot_be_written(
    checkpoint: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("probekit.whole.create", full)
    with pytest.raises(StoreError, match="the disk is full"):
        pk.model_card(checkpoint, tmp_path / "run")
