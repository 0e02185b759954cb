"""The verb transfer: what it trains, what it keeps, what it draws and prints, and what it
refuses."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from matplotlib.axes import Axes

import probekit as pk
from probekit.corpora.passage import Corpus
from probekit.errors import ProbekitError
from probekit.tuning import transfer_grid
from probekit.tuning.outcome import Outcome
from probekit.tuning.transferred import FactorRow, factor_sentence
from tests.commands import run_main
from tests.results.made import filled
from tests.tuning.test_recipes import corpus_file

SETTINGS = pk.TuningSettings(batch=4, device="cpu")
QUICK: dict[str, Any] = {"epochs": {"full": 1, "scratch": 1, "frozen": 2}, "settings": SETTINGS}


@pytest.fixture(scope="module")
def text(small: Corpus, tmp_path_factory: pytest.TempPathFactory) -> str:
    """A few sentences as data."""
    return f"{corpus_file(small, tmp_path_factory.mktemp('data') / 'text')}:pos"


def run(
    model: Path, text: str, out: Path, labels: Sequence[Any] = (4, 8), **given: Any
) -> pk.Transfer:
    given = {**QUICK, "progress": False, "seeds": 2, **given}
    return pk.transfer(model, text, labels, out=out, **given)


@pytest.mark.slow
def test_every_method_at_every_number_of_labels(tiny_bert: Path, text: str, tmp_path: Path) -> None:
    vectors = tmp_path / "v.txt"
    vectors.write_text("the 1 0\na 0 1\n")
    found = run(tiny_bert, text, tmp_path / "a", vectors=vectors)
    methods = ["ngrams", "static", "frozen", "full", "scratch"]
    assert list(dict.fromkeys(found.table["method"])) == methods
    assert len(found.table) == 5 * 2 * 2 and len(found.curves) == 5 * 2
    assert found.factors["reference"].tolist() == ["scratch", "ngrams", "static"]
    means = found.table.groupby(["method", "train_examples"])["score"].mean()
    curves = found.curves.set_index(["method", "train_examples"])["score"]
    pd.testing.assert_series_equal(means, curves.sort_index(), atol=1e-5)
    for table in (found.table, found.curves):
        assert (table["ci_low"] <= table["score"]).all()
        assert (table["score"] <= table["ci_high"]).all()
    assert found.table.groupby(["train_examples", "seed"])["train_labels"].nunique().eq(1).all()
    assert found.table["seconds"].gt(0).all()
    dev = found.curves.set_index(["method", "train_examples"])["dev_score"]
    best = {labels: max(("frozen", "full"), key=lambda one: dev[one, labels]) for labels in (4, 8)}
    expected = " ".join(f"{labels}:{method}" for labels, method in best.items())
    assert set(found.factors["pretrained"]) == {expected}
    found.write(tmp_path / "a")
    assert pk.read(tmp_path / "a") == found
    assert not list((tmp_path / "a").glob("checkpoint*")) + list((tmp_path / "a").glob(".*"))


@pytest.mark.slow
def test_a_cell_is_finetune_with_the_same_examples(
    tiny_bert: Path, text: str, tmp_path: Path
) -> None:
    """With as many steps as an epoch has without repeats, and all examples."""
    settings = pk.TuningSettings(batch=2, device="cpu")
    given: dict[str, Any] = {"settings": settings, "epochs": {"full": 1}, "rates": {"full": 1e-3}}
    found = run(tiny_bert, text, tmp_path / "a", [10, "all"], methods="full", seeds=[3], **given)
    alone = pk.finetune(
        tiny_bert,
        text,
        out=tmp_path / "b",
        settings=replace(settings, rate=1e-3, epochs=1, seed=3),
        progress=False,
    )
    last = found.table.iloc[-1]
    assert last["train_examples"] == alone.table["train_examples"].iloc[0] == 40
    assert last["score"] == alone.score
    dev = alone.table[alone.table["split"] == "dev"]["score"].iloc[0]
    assert last["dev_score"] == dev and last["chosen"] == "0.001"
    assert found.run.measurements == alone.run.measurements
    (trained,) = found.run.measurements
    probed = pk.extract(tiny_bert, pk.load_corpus(text.rpartition(":")[0]), progress=False)
    assert trained.fingerprints["model"] == probed.manifest["model"]
    assert trained.fingerprints["corpus"] == probed.manifest["corpus"]
    assert (trained.context, trained.passages["train"]) == ("training", 40)
    facts = trained.tasks[found.table["data"].iloc[0]]
    assert facts["instances"]["train"] == last["train_labels"]


@pytest.mark.slow
def test_dev_chooses_the_rate(tiny_bert: Path, text: str, tmp_path: Path) -> None:
    alone = {}
    for rate in (1e-9, 3e-3):
        out = tmp_path / str(rate)
        alone[rate] = run(
            tiny_bert, text, out, methods=["scratch"], seeds=1, rates={"scratch": rate}
        )
    both = run(
        tiny_bert, text, tmp_path / "x", methods="scratch", seeds=1, rates={"scratch": [1e-9, 3e-3]}
    )
    for i, row in both.table.iterrows():
        best = max(alone, key=lambda rate: alone[rate].table["dev_score"][i])
        assert row["chosen"] == f"{best:g}"
        assert row["score"] == alone[best].table["score"][i]


@pytest.mark.slow
def test_cells_are_trained_once_and_more_can_be_added(
    tiny_bert: Path, text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    few = run(tiny_bert, text, tmp_path / "a", methods=["ngrams", "scratch"], seeds=1)
    assert few.run.counts == {"cells": 4, "computed": 4}
    more = run(tiny_bert, text, tmp_path / "a", [4, 8, 12], methods=["ngrams", "scratch"], seeds=2)
    assert more.run.counts == {"cells": 12, "computed": 8}
    again = more.table[(more.table["train_examples"] < 12) & (more.table["seed"] == 0)]
    pd.testing.assert_frame_equal(again.reset_index(drop=True), few.table)
    monkeypatch.setattr(transfer_grid, "logistic_outcome", None)  # nothing is trained
    monkeypatch.setattr(transfer_grid, "recipe_outcome", None)
    same = run(tiny_bert, text, tmp_path / "a", [4, 8, 12], methods=["ngrams", "scratch"], seeds=2)
    assert same.run.counts["computed"] == 0
    pd.testing.assert_frame_equal(same.table, more.table)


@pytest.mark.slow
def test_a_run_that_is_killed_goes_on_with_the_same_result(
    tiny_bert: Path, text: str, tmp_path: Path
) -> None:
    code = (
        "import os, probekit as pk\n"
        "def report(stage, done, total):\n"
        "    if ', epoch ' in stage and len(os.listdir('b/cells')) >= 2:\n"
        "        os._exit(9)\n"
        f"settings = pk.TuningSettings(batch=4, device='cpu')\n"
        f"pk.transfer({str(tiny_bert)!r}, {text!r}, [4, 8], out='b', seeds=1, settings=settings,\n"
        "    methods=['ngrams', 'full', 'scratch'], epochs={'full': 1, 'scratch': 1},\n"
        "    progress=report)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, check=False, cwd=tmp_path
    )
    assert done.returncode == 9, done.stderr.decode()
    assert len(list((tmp_path / "b/cells").glob("*.npz"))) == 2
    methods = ["ngrams", "full", "scratch"]
    epochs = {"full": 1, "scratch": 1}
    whole = run(tiny_bert, text, tmp_path / "a", methods=methods, seeds=1, epochs=epochs)
    resumed = run(tiny_bert, text, tmp_path / "b", methods=methods, seeds=1, epochs=epochs)
    assert resumed.run.counts == {"cells": 6, "computed": 4}
    for name, table in whole.tables.items():
        drop = [column for column in ("seconds",) if column in table]
        pd.testing.assert_frame_equal(
            table.drop(columns=drop), resumed.tables[name].drop(columns=drop)
        )
    assert not list((tmp_path / "b").glob(".*.part"))


def test_a_cell_that_is_damaged_or_of_other_text_is_trained_again(tmp_path: Path) -> None:
    outcome = Outcome(np.array([1, 2, 3]), 0.5, 1.0, 2.0, ("note",))
    outcome.write(tmp_path / "cells" / "x.npz")
    path = tmp_path / "cells" / "x.npz"
    found = Outcome.read(path, 3)
    assert found is not None and found.said.tolist() == [1, 2, 3]
    assert (found.dev_score, found.chosen, found.warnings) == (0.5, 1.0, ("note",))
    assert Outcome.read(path, 4) is None and Outcome.read(tmp_path / "none.npz", 3) is None
    path.write_bytes(path.read_bytes()[:100])
    assert Outcome.read(path, 3) is None


def test_another_run_is_not_mixed_in(tiny_bert: Path, text: str, tmp_path: Path) -> None:
    run(tiny_bert, text, tmp_path / "a", methods="ngrams", seeds=1)
    with pytest.raises(ProbekitError, match=r"was started with dev .*overwrite=True"):
        run(tiny_bert, text, tmp_path / "a", methods="ngrams", seeds=1, dev=5)
    (tmp_path / "a" / "notes.md").write_text("mine")
    given: dict[str, Any] = {"methods": "ngrams", "seeds": 1, "dev": 5, "overwrite": True}
    found = run(tiny_bert, text, tmp_path / "a", **given)
    assert found.run.counts["computed"] == 2
    assert (tmp_path / "a" / "notes.md").read_text() == "mine"
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / "notes.md").write_text("mine")
    with pytest.raises(ProbekitError, match="holds other files"):
        run(tiny_bert, text, tmp_path / "b", methods="ngrams", overwrite=True)


# Sentences and pictures


ROW = FactorRow(
    model="m",
    data="d",
    reference="scratch",
    pretrained="10:full 1000:full",
    train_examples=1000,
    fewest=10,
    seeds=3,
    metric="accuracy",
    score=0.6,
    needed=37.4,
    bound="",
    factor=26.7,
    ci_low=9.94,
    ci_high=float("nan"),
)
SENTENCES = [
    (
        {},
        "With some 37 labels, m reaches what scratch scores with 1,000 (0.600): 27× fewer labels "
        "(95% interval over test texts and seeds: 9.9× to more than 100×).",
    ),
    (
        {"bound": "more than", "factor": 100.0, "ci_low": 100.0},
        "With 10 labels, the fewest tried, m reaches what scratch scores with 1,000 (0.600): more "
        "than 100× fewer labels (in 95% of the resamples over test texts and seeds too).",
    ),
    (
        {"bound": "less than", "factor": 1.0, "ci_low": 0.0, "ci_high": 1.24, "seeds": 1},
        "Even with 1,000 labels, m does not reach what scratch scores with 1,000 (0.600): the "
        "factor is less than 1× (95% interval over test texts, not over seeds: less than 1× to "
        "1.2×).",
    ),
    (
        {"ci_low": float("nan")},
        "With some 37 labels, m reaches what scratch scores with 1,000 (0.600): 27× fewer labels.",
    ),
]


@pytest.mark.parametrize(("change", "sentence"), SENTENCES)
def test_a_factor_in_words(change: dict[str, Any], sentence: str) -> None:
    assert factor_sentence(replace(ROW, **change)) == sentence


def made() -> pk.Transfer:
    """Curves of three methods, without training."""
    from probekit.tuning.transferred import CURVES, FACTORS, TRANSFER

    about = {"model": "m", "data": "d", "metric": "accuracy", "seeds": 3, "majority": 0.2}
    rows = []
    for number, method in enumerate(("ngrams", "full", "scratch")):
        for place, labels in enumerate((10, 100, 1000)):
            score = 0.3 + number / 10 + place / 10
            ends = {"score": score, "ci_low": score - 0.1, "ci_high": score + 0.1}
            rows.append({**about, "method": method, "train_examples": labels, **ends})
    tables = filled(TRANSFER, []), filled(CURVES, rows), FACTORS.table([ROW])
    return pk.Transfer(*tables)


@pytest.mark.parametrize("greyscale", [False, True])
def test_a_picture_has_a_line_per_method_and_the_numbers(greyscale: bool, tmp_path: Path) -> None:
    figure = pk.lines(made(), tmp_path / "x.png", greyscale=greyscale)
    (axes,) = figure.axes
    assert isinstance(axes, Axes) and axes.get_xscale() == "log"
    lines = [line for line in axes.lines if len(np.asarray(line.get_xdata())) == 3]
    for number, line in enumerate(lines):
        np.testing.assert_allclose(
            np.asarray(line.get_ydata()), 0.3 + number / 10 + np.array([0, 0.1, 0.2])
        )
    looks = [(line.get_marker(), str(line.get_linestyle())) for line in lines]
    assert len(set(looks)) == len(lines) == 3
    legend = [text.get_text() for text in figure.legends[0].get_texts()]
    assert legend[1:] == [
        "full (pre-trained)",
        "scratch (random weights)",
        "always the most frequent label",
    ]
    if greyscale:
        for line in lines:
            colour = str(line.get_color())
            assert colour[1:3] == colour[3:5] == colour[5:7]


def test_a_table_has_a_row_per_method_and_latex() -> None:
    text = pk.latex(made())
    assert "ngrams & 0.300 (0.200--0.400) & 0.400" in text and "1,000 labels" in text


# The command line


def test_the_command_prints_a_table_and_a_sentence_for_each_factor(
    tiny_bert: Path,
    text: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    given = ["transfer", "--model", str(tiny_bert), "--data", text, "--labels", "8,4"]
    given += ["--methods", "ngrams,full", "--epochs", "full=1", "--rates", "full=1e-3,1e-4"]
    given += ["--seeds", "1", "--batch", "4"]
    status, printed, err = run_main(given, monkeypatch, capsys)
    assert status == 0, err
    assert "4 labels" in printed and "8 labels" in printed
    assert "what ngrams scores with 8" in " ".join(printed.split())
    (folder,) = (tmp_path / "probekit-runs").iterdir()
    assert folder.name == f"transfer-{tiny_bert.name}-text-pos"
    assert (folder / "transfer.png").read_bytes().startswith(b"\x89PNG")
    status, out, err = run_main([*given, "--json"], monkeypatch, capsys)
    assert status == 0, err
    parsed = json.loads(out)
    assert {"transfer", "label_curves", "factors", "sentences", "warnings"} < set(parsed)
    assert len(parsed["transfer"]) == 4 and parsed["sentences"][0].count("ngrams") == 1
    status, printed, _ = run_main(["table", str(folder)], monkeypatch, capsys)
    assert status == 0 and "8 labels" in printed
    status, _, err = run_main(["lines", str(folder), "--out", "again.svg"], monkeypatch, capsys)
    assert status == 0 and (tmp_path / "again.svg").is_file(), err


MISTAKES: list[tuple[list[str], str]] = [
    (["--labels", "10,50"], "labels has 50, and text:pos has 40 examples for training"),
    (["--labels", "0,10"], "labels takes a whole number from 1 on, not 0"),
    (["--labels", "10,many"], "--labels takes numbers and 'all', such as 10,100,all, not 'many'"),
    (["--labels", "10,-5"], "not '-5'"),
    (["--labels", "10,10"], "at least two different numbers"),
    (["--labels", "40,all"], "at least two different numbers"),
    (["--methods", "ngram"], "unknown value of --methods 'ngram': did you mean 'ngrams'?"),
    (["--methods", "static"], "static, which needs vectors"),
    (["--vectors", "none.txt"], "vectors: there is no file none.txt"),
    (["--rates", "full"], "--rates takes RECIPE=1e-4, such as full=1e-4, not 'full'"),
    (["--rates", "full=quick"], "--rates full: 'quick' is not a number"),
    (["--rates", "full=7"], "rates has 7: a rate is a number above 0, up to 1"),
    (["--rates", "ngrams=1e-4"], "unknown recipe 'ngrams'"),
    (["--epochs", "full=1,2"], "--epochs full takes one number, not '1,2'"),
    (["--epochs", "full=0"], "epochs takes a whole number from 1 on, not 0"),
    (["--data", "sample:dep"], "has the shape 'arc'"),
    (["--model", "./nothing"], "there is no model folder './nothing'"),
    (["--text", "a"], "text, label and regression are for tables"),
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
    given = ["transfer", "--model", str(tiny_bert), "--data", text, "--labels", "5,10"]
    status, out, err = run_main([*given, *options, "--out", "out"], monkeypatch, capsys)
    errors = [line for line in err.splitlines() if line.startswith("error: ")]
    assert status == 2 and len(errors) == 1, (out, err)
    assert message in errors[0]
    assert not (tmp_path / "out").exists()


def test_data_of_one_class_is_refused(tiny_bert: Path, small: Corpus, tmp_path: Path) -> None:
    splits = {}
    for split, passages in small.splits.items():
        splits[split] = [replace(one, tags={"upos": ("X",) * len(one.words)}) for one in passages]
    name = corpus_file(Corpus("one", splits), tmp_path / "one")
    with pytest.raises(ProbekitError, match="has one label only in the training split"):
        run(tiny_bert, f"{name}:pos", tmp_path / "a", methods="ngrams")


def test_few_labels_that_lack_a_class_are_reported(
    tiny_bert: Path, text: str, tmp_path: Path
) -> None:
    found = run(tiny_bert, text, tmp_path / "a", [1, 20], methods="ngrams", seeds=1)
    assert any(
        "some samples, of 1 label at most, lack one of the " in one for one in found.warnings
    )
    assert found.factors.empty and not found.sentences
    found.write(tmp_path / "a")
    assert pk.Transfer.read(tmp_path / "a") == found


@pytest.mark.slow
def test_tables_of_texts_and_of_numbers(tiny_bert: Path, tmp_path: Path) -> None:
    words = ["good", "bad", "so", "it", "was", "film", "plot", "dull"]
    random = np.random.default_rng(0)
    rows = []
    for number in range(60):
        chosen = [*random.choice(words, size=6).tolist(), f"w{number}"]
        rows.append({"text": " ".join(chosen), "label": "ab"[chosen.count("good") > 0]})
    pd.DataFrame(rows).to_csv(tmp_path / "texts.csv", index=False)
    found = run(
        tiny_bert, str(tmp_path / "texts.csv"), tmp_path / "a", [6, "all"], methods="ngrams"
    )
    assert found.curves["score"].iloc[-1] > found.curves["majority"].iloc[-1]
    (trained,) = found.run.measurements
    assert (trained.corpus, trained.source) == ("texts", str(tmp_path / "texts.csv"))
    assert trained.passages == {"train": 48, "dev": 6, "test": 6}
    assert trained.tasks["texts"]["instances"] == trained.passages
    for row in rows:
        row["label"] = 0.5 + row["text"].split().count("good")  # type: ignore[assignment]
    pd.DataFrame(rows).to_csv(tmp_path / "numbers.csv", index=False)
    found = run(
        tiny_bert,
        str(tmp_path / "numbers.csv"),
        tmp_path / "b",
        [6, "all"],
        methods=["ngrams", "scratch"],
        regression=True,
    )
    assert set(found.curves["metric"]) == {"pearson"}
    assert found.curves.set_index(["method", "train_examples"])["score"]["ngrams", 48] > 0.5
