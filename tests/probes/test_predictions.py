"""Predictions: the labels, words and places of every test instance, kept with the scores."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import confusion_matrix

import probekit as pk
from probekit.corpora.passage import Corpus
from probekit.errors import InputError
from probekit.reports.read import read
from tests.results.made import predicted

QUICK = pk.FitSettings(words=5_000)


@pytest.fixture(scope="module")
def few(small: Corpus) -> Corpus:
    """Even fewer sentences."""
    return Corpus("few", {split: passages[:40] for split, passages in small.splits.items()})


@pytest.fixture(scope="module")
def scores(few: Corpus, tiny_bert: Path) -> pk.Scores:
    return pk.probe(
        tiny_bert, ["pos", "dep"], corpus=few, seeds=2, layers=(0, 3), fit_settings=QUICK
    )


def test_they_give_the_scores(scores: pk.Scores) -> None:
    found = scores.predictions()
    keys = ["task", "probe", "layer", "seed"]
    correct = found["gold"] == found["predicted"]
    shares = correct.groupby([found[key] for key in keys], dropna=False).mean()
    table = scores.table.set_index(keys)["score"]
    assert len(shares) == len(table) == 2 * (2 * 2 + 2)
    for key, share in shares.items():
        assert table[key] == pytest.approx(share, abs=1e-6)


def test_words_and_places_are_those_of_the_corpus(scores: pk.Scores, few: Corpus) -> None:
    passages = {passage.id: passage for passage in few.splits["test"]}
    found = scores.predictions(layer=3, seed=0)
    assert set(found["probe"]) == {"linear"} and set(found["seed"]) == {0}
    of_words = found[found["task"] == "pos"]
    for row in of_words.to_dict("records"):
        passage = passages[row["sentence"]]
        assert row["end"] == row["start"] + 1 and passage.words[row["start"]] == row["words"]
        assert passage.tags["upos"][row["start"]] == row["gold"]
        assert row["words_2"] == "" and pd.isna(row["start_2"])
    pairs = found[found["task"] == "dep"].to_dict("records")
    assert len(pairs) == int(scores.table[scores.table["task"] == "dep"]["n_test"].iloc[0])
    for row in pairs:
        passage = passages[row["sentence_2"]]
        arcs = {(edge.spans, edge.label) for edge in passage.edges["dependencies"]}
        spans = (row["start"], row["end"]), (row["start_2"], row["end_2"])
        assert (spans, row["gold"]) in arcs
        assert " ".join(passage.words[row["start_2"] : row["end_2"]]) == row["words_2"]


def test_they_are_kept_and_checked(scores: pk.Scores, tmp_path: Path) -> None:
    scores.write(tmp_path)
    found = pk.Scores.read(tmp_path)
    assert found == scores and pk.read(tmp_path / "predictions.parquet") == scores
    pd.testing.assert_frame_equal(found.predictions(), scores.predictions())
    path = tmp_path / "predictions.parquet"
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    with pytest.raises(InputError, match="changed or damaged"):
        pk.read(tmp_path)
    path.unlink()
    with pytest.raises(InputError, match=r"predictions\.parquet"):
        pk.read(tmp_path)


def test_other_scores_in_the_folder_take_the_old_ones_along(tmp_path: Path) -> None:
    made = predicted()
    made.write(tmp_path)
    alone = pk.Scores(made.table)
    assert alone != made
    alone.write(tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {"scores.csv", "run.json"}
    assert pk.read(tmp_path) == alone
    with pytest.raises(InputError, match="no predictions of m, pos, c"):
        alone.predictions()
    (tmp_path / "run.json").unlink()
    (tmp_path / "predictions.parquet").write_bytes(b"PAR1 and more")
    with pytest.raises(InputError, match="no table 'predictions'"):
        pk.read(tmp_path)


def test_several_runs_are_one(tmp_path: Path) -> None:
    made = predicted()
    made.write(tmp_path / "a")
    pk.Scores(
        made.table.assign(model="n", model_fingerprint="n"),
        instances=made.instances,
        predicted=made.predicted.to_pandas().pipe(_as_of, "n"),
    ).write(tmp_path / "b")
    both = read([tmp_path / "a", tmp_path / "b"])
    assert isinstance(both, pk.Scores)
    assert len(both.predictions()) == 2 * len(made.predictions())
    with pytest.raises(InputError, match=r"several values of model \(m, n\): .* model='m'"):
        both.confusion()
    pd.testing.assert_frame_equal(both.confusion(model="n"), made.confusion())


def _as_of(frame: pd.DataFrame, model: str) -> object:
    import pyarrow as pa

    return pa.Table.from_pandas(
        frame.assign(model=model, model_fingerprint=model), preserve_index=False
    )


def test_choices() -> None:
    made = predicted()
    assert len(made.predictions()) == 5 * 6
    assert len(made.predictions(layer=[0, 1], seed=1)) == 2 * 6
    assert len(made.predictions(probe="majority", task=("pos",))) == 6
    assert made.predictions(layer=1, seed=0)["predicted"].tolist()[:4] == ["A", "A", "B", "$x_1$"]
    with pytest.raises(InputError, match="unknown value of layer '7': known: 0, 1"):
        made.predictions(layer=7)
    with pytest.raises(InputError, match="no row with probe='majority', layer=1"):
        made.confusion(probe="majority", layer=1)


@pytest.mark.parametrize("seed", [0, 1, None])
def test_the_matrix_is_scikit_learns(seed: int | None) -> None:
    made = predicted()
    for layer in (0, 1):
        rows = made.predictions(layer=layer, seed=seed)
        labels = sorted({*rows["gold"], *rows["predicted"]})
        found = made.confusion(layer=layer, seed=seed)
        expected = confusion_matrix(rows["gold"], rows["predicted"], labels=labels)
        assert found.index.tolist() == found.columns.tolist() == labels
        assert (found.index.name, found.columns.name) == ("gold", "predicted")
        np.testing.assert_array_equal(found, expected)
    pd.testing.assert_frame_equal(made.confusion(seed=seed), found)  # the best layer on dev


def test_what_a_run_warns_of(few: Corpus, tiny_bert: Path) -> None:
    states = pk.extract(tiny_bert, few, layers=(0,))
    values = {}
    for split in few.splits:
        values[split] = np.zeros((1, int(few.offsets(split)[-1]), 4), np.float32)
    nothing = pk.States.of(values, few, name="nothing")
    with pytest.raises(InputError, match=f"give a rank of at most {states.dim}"):
        pk.probe(states, "pos", probes=f"rank:{states.dim + 1}", fit_settings=QUICK)
    with pytest.raises(InputError, match=f"give a rank of at most {states.dim}"):
        pk.probe(states, "distance", probes=f"rank:{states.dim + 1}", fit_settings=QUICK)
    full = pk.probe(states, "pos", probes=f"rank:{states.dim}", fit_settings=QUICK)
    assert any("no more restricted than linear" in each for each in full.warnings)
    low = pk.probe(states, "pos", probes="rank:2", fit_settings=QUICK)
    assert not any("no more restricted than linear" in each for each in low.warnings)
    assert not any("below the majority" in each for each in full.warnings)
    dull = pk.probe(nothing, "pos", fit_settings=QUICK)
    expected = dull.table.set_index("probe")["score"]
    warned = any("score below the majority baseline" in each for each in dull.warnings)
    assert warned == (expected["linear"] < expected["majority"])
