"""Rows, tables and pictures are keyed by what was measured, not by what it is called."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import probekit as pk
from probekit.corpora.passage import Corpus
from probekit.errors import InputError
from probekit.probes.score_rows import COLUMNS, MORE_COLUMNS, SCORES, ScoreRow
from probekit.probes.scores import joined, make_scores
from probekit.reports.table import Table
from probekit.reports.tables.scores import score_table
from probekit.results.run import Run
from tests.made import SIZES, folder_of, made_corpus, made_states, stored
from tests.results.made import CODES, only

QUICK = pk.FitSettings(words=5_000)
CASES = [
    folder / "shared" / "cases" / "two-corpora-of-one-name" for folder in Path(__file__).parents
]


@pytest.fixture(scope="module")
def few(small: Corpus) -> Corpus:
    """Fewer still."""
    return Corpus("few", {split: passages[:40] for split, passages in small.splits.items()})


def labelled(seed: int, name: str = "made", words: int = 10) -> Corpus:
    rng = np.random.default_rng(seed)
    return made_corpus(
        {split: rng.integers(0, 2, n) for split, n in SIZES.items()}, name=name, words=words
    )


def states_of(corpus: Corpus, known: bool, **facts: Any) -> pk.States:
    """States that give the labels away, or that are noise."""
    rng = np.random.default_rng(9)
    values = {}
    for split, passages in corpus.splits.items():
        labels = np.array([int(tag or "") for passage in passages for tag in passage.tags["upos"]])
        noise = rng.normal(size=(2, len(labels), 4))
        values[split] = noise + (6 * (2 * labels - 1)[None, :, None] if known else 0)
    return made_states(corpus, values, **facts)


def cells(table: Table) -> dict[str, list[str]]:
    """The texts of each column."""
    headings = [column.heading for column in table.columns]
    columns = zip(*table.rows, strict=True)
    return {heading: list(texts) for heading, texts in zip(headings, columns, strict=True)}


def test_two_corpora_of_one_name_are_two_rows() -> None:
    one, two = labelled(1), labelled(2, words=20)
    scores = pk.probe(
        [states_of(one, known=True), states_of(two, known=False)], ["pos"], fit_settings=QUICK
    )
    best = scores.best()
    assert len(best) == 2 and best["corpus"].nunique() == 2
    by_chance = 3 * np.sqrt(0.25 / SIZES["test"])
    assert best["score"].tolist() == [pytest.approx(1, abs=0.05), pytest.approx(0.5, abs=by_chance)]
    assert len(cells(score_table(scores))["corpus"]) == 2
    drawn = pk.heatmap(scores).axes[0]
    assert [float(text.get_text()) for text in drawn.texts[:2]] == pytest.approx([1, 1], abs=0.05)


def test_the_same_text_with_other_labels_is_another_corpus() -> None:
    one = labelled(1)
    splits = {}
    for split, passages in one.splits.items():
        reversed_tags = []
        for passage in passages:
            reversed_tags.append(replace(passage, tags={"upos": passage.tags["upos"][::-1]}))
        splits[split] = tuple(reversed_tags)
    two = Corpus("made", splits)
    assert one.fingerprint == two.fingerprint and one.annotation != two.annotation
    values = states_of(one, known=True)
    scores = pk.probe([values, replace(values, corpus=two)], ["pos"], fit_settings=QUICK)
    best = scores.best()["score"].tolist()
    assert best[0] > 0.95 and best[1] < 0.8
    with pytest.raises(InputError, match="texts or labels"):
        pk.compare(values, replace(values, corpus=two), ["pos"])


@pytest.mark.slow
def test_the_case_of_users(tiny_bert: Path) -> None:
    case = next((folder for folder in CASES if folder.is_dir()), None)
    if case is None:
        pytest.skip("shared/cases is not there")
    corpora = [case / "en" / "data", case / "de" / "data"]
    best = pk.probe(
        str(tiny_bert), ["pos"], corpus=corpora, fit_settings=pk.FitSettings(words=60_000)
    ).best()
    assert best["corpus"].tolist() == ["en/data", "de/data"]
    assert best["score"].tolist() == pytest.approx([1.0, 0.3], abs=0.1)
    change = pk.compare(
        str(tiny_bert),
        f"random:{tiny_bert}:3",
        ["pos"],
        corpus=corpora,
        seeds=(0,),
        fit_settings=QUICK,
    )
    assert change.best["corpus"].tolist() == ["en/data", "de/data"]
    assert change.best["score_before"].nunique() == 2


RUNS: dict[str, tuple[dict[str, Any], str]] = {
    "site": ({"encoder": pk.EncoderSettings(site="attn")}, "site attn"),
    "subwords": ({"subwords": "first"}, "pooling first"),
    "stored type": ({"store_dtype": "float32"}, "store dtype float32"),
}


@pytest.mark.parametrize("change", RUNS)
def test_runs_that_differ_in_a_setting_are_two_panels(
    change: str, few: Corpus, tiny_bert: Path
) -> None:
    settings, shown = RUNS[change]
    runs = [
        pk.probe(str(tiny_bert), ["pos"], corpus=few, fit_settings=QUICK),
        pk.probe(
            str(tiny_bert),
            ["pos"],
            corpus=few,
            fit_settings=QUICK,
            extract_settings=pk.ExtractSettings(**settings),
        ),
    ]
    both = joined(runs)
    models = both.best()["model"].tolist()
    assert len(models) == 2 and models[1] == f"{tiny_bert} ({shown})"
    assert both.best()["score"].tolist() == [run.best()["score"].item() for run in runs]
    assert len(pk.heatmap(both).axes) == 3  # two panels, and one bar of colours


def test_other_weights_behind_one_path_and_another_span_are_told_apart(
    few: Corpus, tiny_bert: Path, tiny_gpt2: Path, tmp_path: Path
) -> None:
    path, runs = tmp_path / "model", []
    for source in (tiny_bert, tiny_gpt2):
        shutil.rmtree(path, ignore_errors=True)
        shutil.copytree(source, path)
        runs.append(pk.probe(str(path), ["pos"], corpus=few, fit_settings=QUICK))
    models = joined(runs).best()["model"].tolist()
    assert len(set(models)) == 2 and all(model.startswith(f"{path} (#") for model in models)
    task = pk.load_task("ner")
    runs = [
        pk.probe(str(tiny_bert), replace(task, span=span), corpus=few, fit_settings=QUICK)
        for span in ("mean", "ends")
    ]
    assert joined(runs).best()["task"].tolist() == ["ner (span mean)", "ner (span ends)"]


def test_seeds_alone_are_averaged_and_runs_of_one_experiment_stand_once(
    few: Corpus, tiny_bert: Path
) -> None:
    run = pk.probe(str(tiny_bert), ["pos"], corpus=few, seeds=(0, 1), fit_settings=QUICK)
    again = pk.probe(str(tiny_bert), ["pos"], corpus=few, seeds=(1, 2), fit_settings=QUICK)
    best = joined([run, again]).best()
    assert len(best) == 1
    rows = joined([run, again]).table
    at = rows[(rows["layer"] == best["layer"].item()) & (rows["probe"] == "linear")]
    assert sorted(at["seed"]) == [0, 1, 2] and best["score"].item() == pytest.approx(
        at["score"].mean()
    )


def test_an_experiment_measured_twice_is_taken_from_the_first(few: Corpus, tiny_bert: Path) -> None:
    """Sums are rounded in another order in other company, so two measurements may differ."""
    run = pk.probe(str(tiny_bert), ["pos"], corpus=few, fit_settings=QUICK)
    moved = run.table.assign(dev_loss=run.table["dev_loss"] + 1e-6)
    assert joined([run, replace(run, table=moved)]).warnings == run.warnings
    moved = run.table.assign(score=run.table["score"] + 0.004)
    both = joined([run, replace(run, table=moved)])
    pd.testing.assert_frame_equal(both.table, run.table)
    assert any(
        f"{len(run.table)} scores were measured more than once" in note for note in both.warnings
    )
    assert any("differ by up to 0.004: the first" in note for note in both.warnings)
    row = run.table.iloc[-1].to_dict()
    asked_twice = make_scores(
        [ScoreRow(**row), ScoreRow(**{**row, "dev_loss": 0.5, "score": 0.1})], Run(), []
    )
    pd.testing.assert_frame_equal(asked_twice.table, run.table.tail(1).reset_index(drop=True))


def test_other_fitting_is_another_probe(few: Corpus, tiny_bert: Path) -> None:
    runs = [
        pk.probe(str(tiny_bert), ["pos"], corpus=few, fit_settings=pk.FitSettings(words=words))
        for words in (5_000, 10_000)
    ]
    probes = joined(runs).best()["probe"].tolist()
    assert len(set(probes)) == 2 and all(probe.startswith("linear (#") for probe in probes)


def test_a_run_is_written_and_read_back(few: Corpus, tiny_bert: Path, tmp_path: Path) -> None:
    """`read(write(x))` is `x`, and writing it again changes nothing."""
    scores = pk.probe(str(tiny_bert), ["pos", "ner"], corpus=few, seeds=(0, 3), fit_settings=QUICK)
    assert scores.warnings
    scores.write(tmp_path / "a")
    found = pk.Scores.read(tmp_path / "a")
    pd.testing.assert_frame_equal(found.table, scores.table)
    assert found == scores
    assert list(found.table) == list(SCORES.names)
    found.write(tmp_path / "b")
    for name in ("scores.csv", "instances.parquet", "predictions.parquet", "run.json"):
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()
    assert pk.Scores.read(tmp_path / "b" / "scores.csv").run == scores.run


@pytest.mark.parametrize("name", ["NA", "null", "nan", "007", "1e5", "True"])
def test_a_name_that_looks_like_something_else_stays_a_name(name: str, tmp_path: Path) -> None:
    row: dict[str, Any] = {
        column.name: name if column.kind.dtype == "str" else 1 for column in SCORES.columns
    }
    row |= only(SCORES.names, CODES)
    scores = make_scores([ScoreRow(**row)], Run(), [])
    scores.write(tmp_path)
    pd.testing.assert_frame_equal(pk.Scores.read(tmp_path).table, scores.table)
    assert pk.Scores.read(tmp_path).best()["model"].tolist() == [name]


def test_tables_of_an_older_version(few: Corpus, tiny_bert: Path, tmp_path: Path) -> None:
    """One is read; two that cannot be told apart are not averaged."""
    folders = []
    for subwords in ("mean", "first"):
        settings = pk.ExtractSettings(subwords=subwords)
        scores = pk.probe(
            str(tiny_bert), ["pos"], corpus=few, fit_settings=QUICK, extract_settings=settings
        )
        folders.append(tmp_path / subwords)
        replace(scores, table=scores.table[[*COLUMNS, *MORE_COLUMNS]]).write(folders[-1])
        assert pk.Scores.read(folders[-1]).best()["score"].item() == scores.best()["score"].item()
    both = joined([pk.Scores.read(folder) for folder in folders])
    for use in (both.best, lambda: pk.heatmap(both, tmp_path / "x.png"), lambda: score_table(both)):
        with pytest.raises(InputError, match=r"older version.*probe' again"):
            use()
    assert not (tmp_path / "x.png").exists()


def test_the_cache_knows_no_names(few: Corpus, tiny_bert: Path, tmp_path: Path) -> None:
    """Codes alone are the key: another name is the same store, and lists both."""
    first = pk.extract(str(tiny_bert), few)
    moved = shutil.copytree(tiny_bert, tmp_path / "moved")
    second = pk.extract(str(moved), Corpus("another name", few.splits))
    assert folder_of(stored(first).store) == folder_of(stored(second).store) and not second.computed
    manifest = json.loads((folder_of(stored(first).store) / "manifest.json").read_text())
    assert manifest["layers"] == {
        "embeddings": "normalised",
        "last": "block",
        "site": "residual",
        "stack": "only",
    }
    for text in (str(tiny_bert), "few", "another name"):
        assert text not in json.dumps(manifest)
    names = json.loads((folder_of(stored(first).store) / "names.json").read_text())
    assert names == {"models": [str(tiny_bert), str(moved)], "corpora": ["few", "another name"]}


@pytest.mark.slow
def test_compare_takes_states_of_one_name(few: Corpus, tiny_bert: Path) -> None:
    first = pk.extract(str(tiny_bert), few)
    pooled = [pk.extract(str(tiny_bert), few, subwords=subwords) for subwords in ("first", "last")]
    found = pk.compare(first, pooled, ["pos"], seeds=(0,), fit_settings=QUICK)
    name = str(tiny_bert)
    assert found.best["before"].unique().tolist() == [f"{name} (pooling mean)"]
    assert found.best["after"].tolist() == [f"{name} (pooling first)", f"{name} (pooling last)"]
    with pytest.raises(InputError, match="given twice"):
        pk.compare(first, [pooled[0], pooled[0]], ["pos"], seeds=(0,), fit_settings=QUICK)
