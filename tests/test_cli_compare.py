"""`probekit compare` as a user meets it."""

from __future__ import annotations

import csv
import json
import shutil
from pathlib import Path

import pytest
import torch
from transformers import AutoModel

import probekit as pk
from probekit.forgetting.comparison import TABLES
from probekit.reports.table import LEGENDS
from tests.test_cli import Run, run  # noqa: F401 - a fixture

FILES = (
    "comparison.csv",
    "best.csv",
    "decomposition.csv",
    "similarity.csv",
    "by_label.csv",
    "run.json",
)
PICTURES = ("forgetting.png", "forgetting.svg", "decomposition.png", "decomposition.svg")


@pytest.fixture(scope="module")
def shaken(tiny_bert: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tiny BERT with noise in its upper weights."""
    folder = shutil.copytree(tiny_bert, tmp_path_factory.mktemp("shaken") / "shaken")
    model = AutoModel.from_pretrained(folder)
    torch.manual_seed(1)
    with torch.no_grad():
        for parameter in model.encoder.layer[-1].parameters():
            parameter.add_(torch.randn_like(parameter))
    model.save_pretrained(folder)
    return folder


@pytest.mark.slow
def test_compare_writes_tables_pictures_and_a_verdict(
    run: Run,  # noqa: F811
    tiny_bert: Path,
    shaken: Path,
    brief: Path,
    tmp_path: Path,
) -> None:
    options = ("--task", "pos,dep,coref", "--corpus", brief, "--resample-train", 6, "--out", "o")
    status, out, err = run("compare", "--before", tiny_bert, "--after", shaken, *options)
    assert status == 0, err
    assert all((tmp_path / "o" / name).stat().st_size for name in (*FILES, *PICTURES))
    with (tmp_path / "o/comparison.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0]) == list(TABLES["comparison"].names)
    assert len(rows) == 3 * 4
    lower = [row for row in rows if row["task"] != "coref" and row["layer"] in "012"]
    assert all(
        float(row["delta"]) == 0 and float(row["p_value"]) == 1 for row in lower
    )  # nothing touched them
    top = next(row for row in rows if row["task"] == "pos" and row["layer"] == "3")
    assert top["resamples"] == "6"
    assert float(top["delta"]) < -0.02 and float(top["p_adjusted"]) <= 0.05
    with (tmp_path / "o/decomposition.csv").open() as file:
        parts = list(csv.DictReader(file))
    for row in parts:
        named = sum(float(row[part]) for part in ("rotation", "re_encoding", "relocation", "loss"))
        assert named == pytest.approx(float(row["drop"]), abs=1e-5)
    assert json.loads((tmp_path / "o/run.json").read_text())["measurements"][0]["fingerprints"]
    printed = " ".join(out.split())
    for words in (
        "pos: best layer: no change, every prediction is the same",
        "MDE",
        "last 3→3",
        "decomposition.svg",
    ):
        assert words in printed
    assert "retention" in printed and "Last layer: " in printed
    lines = out.splitlines()
    first = f"{LEGENDS['p adj.']}; {LEGENDS['MDE']}"
    verdict = next(i for i, line in enumerate(lines) if line.startswith("pos: best layer"))
    assert lines.count(first) == 1 and lines.index(first) < verdict
    again = pk.Comparison.read(tmp_path / "o")
    for schema in again.TABLES.values():
        table = again.tables[schema.name]
        assert len(table) and not table.duplicated(list(schema.key)).any(), schema.name
    pk.heatmap(again, tmp_path / "again.svg")
    assert "</svg>" in (tmp_path / "again.svg").read_text()


@pytest.mark.slow
def test_a_missing_checkpoint_of_several_is_named_and_the_others_go_on(
    run: Run,  # noqa: F811
    tiny_bert: Path,
    shaken: Path,
    tmp_path: Path,
    brief: Path,
) -> None:
    broken = shutil.copytree(tiny_bert, tmp_path / "broken")
    (broken / "model.safetensors").unlink()
    checkpoints = ("--before", tiny_bert, "--after", broken, "--after", shaken)
    status, out, err = run(
        "compare",
        *checkpoints,
        "--task",
        "pos",
        "--corpus",
        brief,
        "--seeds",
        1,
        "--resample-train",
        0,
        "--json",
    )
    assert status == 0, err
    printed = json.loads(out)
    for name in ("comparison", "best", "last", "decomposition", "similarity"):
        assert {row["after"] for row in printed[name]} == {str(shaken)}, name
    assert any(str(broken) in warning and "left out" in warning for warning in printed["warnings"])
    assert (
        printed["best"][0]["verdict"]
        and printed["best"][0]["kind"]
        and printed["last"][0]["layer"] == 3
    )
    assert printed["folder"] and "best.csv" in printed["files"]
    status, _, err = run(
        "compare", "--before", tiny_bert, "--after", broken, "--task", "pos", "--corpus", brief
    )
    assert status == 2 and "has no weights" in err and "Traceback" not in err


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (["--correction", "holmes"], "'holmes' is not one of 'holm', 'bh', 'none'"),
        (["--floor", "lexicl"], "'lexicl' is not one of 'majority', 'lexical'"),
        (["--probe", "linear,mlp"], "unknown value of --probe"),
        (["--after", "./nowhere"], "no model folder"),
    ],
)
def test_a_mistake_is_a_line_or_two(
    run: Run,  # noqa: F811
    tiny_bert: Path,
    change: list[str],
    message: str,
    brief: Path,
) -> None:
    options = {
        "--before": str(tiny_bert),
        "--after": str(tiny_bert),
        "--task": "pos",
        "--corpus": str(brief),
    }
    options.update(dict(zip(change[::2], change[1::2], strict=True)))
    status, out, err = run("compare", *[part for pair in options.items() for part in pair])
    assert status == 2 and out == "" and "Traceback" not in err
    assert message in " ".join(err.split())


@pytest.mark.slow
def test_layers_that_mean_different_things(
    run: Run,  # noqa: F811
    tiny_bert: Path,
    tiny_gpt2: Path,
    shaken: Path,
    brief: Path,
) -> None:
    rest = ("--task", "pos", "--corpus", brief, "--seeds", 1, "--resample-train", 0)
    status, _, err = run("compare", "--before", tiny_bert, "--after", tiny_gpt2, *rest)
    assert status == 2 and "mean different things" in err and "after the final norm" in err
    status, out, err = run(
        "compare", "--before", tiny_bert, "--after", shaken, "--site", "mlp", "--json", *rest
    )
    assert status == 0, err
    assert json.loads(out)["comparison"]


@pytest.mark.slow
def test_an_adapter_against_its_base(
    run: Run,  # noqa: F811
    tiny_bert: Path,
    tmp_path: Path,
    brief: Path,
) -> None:
    from peft import LoraConfig, get_peft_model

    model = get_peft_model(
        AutoModel.from_pretrained(tiny_bert), LoraConfig(r=2, target_modules=["query"])
    )
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if "lora_" in name:
                parameter.copy_(torch.randn_like(parameter))
    model.save_pretrained(tmp_path / "adapter")
    rest = ("--task", "pos", "--corpus", brief, "--seeds", 1, "--resample-train", 0, "--json")
    status, out, err = run("compare", "--before", tiny_bert, "--after", tmp_path / "adapter", *rest)
    assert status == 0, err
    deltas = {row["layer"]: row["delta"] for row in json.loads(out)["comparison"]}
    assert deltas[0] == 0 and any(deltas[layer] for layer in (1, 2, 3))


@pytest.mark.slow
def test_random_weights_beside_the_trained_ones(
    run: Run,  # noqa: F811
    tiny_bert: Path,
    shaken: Path,
    brief: Path,
) -> None:
    models = ("--model", shaken, "--model", f"random:{shaken}:1")
    status, out, err = run("probe", *models, "--task", "pos", "--corpus", brief, "--json")
    assert status == 0, err
    assert {row["model"] for row in json.loads(out)["scores"]} == {
        str(shaken),
        f"random:{shaken}:1",
    }
