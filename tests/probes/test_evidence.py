"""What is measured beside scores: control tasks, codelengths, mixes, from `probe` to its tables."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import probekit as pk
from probekit.corpora.passage import Corpus, Passage, Split
from probekit.states.states import States
from probekit.tasks.task import Task

WORD = Task(name="word", title="", annotation="upos", shape="word")
QUICK = pk.FitSettings(words=40_000)
TYPES, LABELS, LAYERS = 60, 4, 3


def states_of(vectors: str, sentences: int = 200) -> States:
    """Words of 60 types, each of which has one label in three of four places; three layers.

    `identity`: each vector says which type its word is, and nothing else. `context`: the vectors
    say the label of the place, and not the type.
    """
    rng = np.random.default_rng(2)
    usual = rng.integers(0, LABELS, TYPES)
    splits: dict[Split, tuple[Passage, ...]] = {}
    values: dict[Split, np.ndarray] = {}
    sizes: dict[Split, int] = {"train": sentences, "dev": 60, "test": 100}
    for split, n in sizes.items():
        types = rng.integers(0, TYPES, (n, 8))
        labels = np.where(rng.random((n, 8)) < 0.75, usual[types], rng.integers(0, LABELS, (n, 8)))
        passages = []
        for i in range(n):
            words = tuple(f"w{number}" for number in types[i])
            tags = {"upos": tuple(map(str, labels[i]))}
            passages.append(Passage(f"{split}{i}", f"{split}{i}", words, tags))
        splits[split] = tuple(passages)
        told = np.eye(TYPES)[types.ravel()]
        if vectors == "context":
            told = 4 * np.eye(TYPES)[labels.ravel()] + rng.normal(size=told.shape)
        values[split] = np.stack([told.astype(np.float32)] * LAYERS)
    return pk.States.of(values, Corpus("types", splits))


def test_vectors_that_only_say_the_word_have_no_selectivity() -> None:
    """A type says all of its control label, and less of its gold label, which has exceptions."""
    scores = pk.probe(states_of("identity"), WORD, control=True, fit_settings=QUICK, progress=False)
    row = scores.selectivity.iloc[0]
    assert row["control_score"] > 0.99 and row["known_types"] == 1
    assert row["selectivity"] < 0


def test_one_label_for_each_type_has_no_selectivity() -> None:
    """Gold labels that follow from the type are as easy as control labels."""
    states = states_of("identity")
    gold = Task(name="type", title="", annotation="form", shape="word")
    splits = {}
    for split, passages in states.corpus.splits.items():
        relabelled = []
        for passage in passages:
            tags = {"form": tuple(str(int(word[1:]) % LABELS) for word in passage.words)}
            relabelled.append(Passage(passage.id, passage.document, passage.words, tags))
        splits[split] = tuple(relabelled)
    corpus = Corpus("types", splits)
    values = {split: states.numpy(split) for split in splits}
    scores = pk.probe(
        pk.States.of(values, corpus), gold, control=True, fit_settings=QUICK, progress=False
    )
    for row in scores.selectivity.to_dict("records"):
        assert row["ci_low"] <= 0 <= row["ci_high"]


def test_vectors_that_say_the_label_have_selectivity() -> None:
    scores = pk.probe(states_of("context"), WORD, control=True, fit_settings=QUICK, progress=False)
    for row in scores.selectivity.to_dict("records"):
        assert row["ci_low"] > 0.4 and row["score"] > 0.9
        expected = row["score"] - row["control_score"]
        assert row["selectivity"] == pytest.approx(expected, abs=2e-6)
        assert row["ci_low"] < row["selectivity"] < row["ci_high"]


@pytest.fixture(scope="module")
def everything() -> pk.Scores:
    return pk.probe(
        states_of("context"),
        WORD,
        seeds=2,
        control=True,
        codelength=True,
        mix=True,
        fit_settings=QUICK,
        progress=False,
    )


@pytest.mark.slow
def test_scores_are_those_without_evidence(everything: pk.Scores) -> None:
    alone = pk.probe(states_of("context"), WORD, seeds=2, fit_settings=QUICK, progress=False)
    gold = everything.table.query("labels == 'gold' and view == 'single'").reset_index(drop=True)
    assert gold["score"].to_numpy() == pytest.approx(alone.table["score"].to_numpy(), abs=2e-3)
    assert everything.best()["layer"].tolist() == alone.best()["layer"].tolist()


@pytest.mark.slow
def test_every_table_is_written_and_read_back(everything: pk.Scores, tmp_path: Path) -> None:
    everything.write(tmp_path)
    assert pk.read(tmp_path) == everything
    names = {path.stem for path in tmp_path.glob("*.csv")}
    assert names == {
        "scores",
        "seen",
        "selectivity",
        "codelength",
        "learning_curves",
        "mixes",
        "differential_scores",
        "mix_shares",
    }
    # Another run without evidence leaves none of it behind.
    alone = pk.Scores(everything.table)
    alone.write(tmp_path)
    assert {path.stem for path in tmp_path.glob("*.csv")} == {"scores"}
    assert pk.read(tmp_path) == alone


@pytest.mark.slow
def test_evidence_stands_beside_the_best_layers(everything: pk.Scores) -> None:
    (row,) = everything.evidence().to_dict("records")
    best = everything.best().iloc[0]
    assert (row["layer"], row["score"]) == (best["layer"], best["score"])
    assert row["selectivity_low"] < row["selectivity"] < row["selectivity_high"]
    codes = everything.codelengths.query(f"labels == 'gold' and layer == {row['layer']}")
    assert len(codes) == 2
    assert row["bits_per_instance"] == pytest.approx(codes["bits_per_instance"].mean())
    assert row["bits_low"] < row["bits_per_instance"] < row["bits_high"]
    assert codes["compression"].to_numpy() == pytest.approx(
        (codes["uniform_bits"] / codes["bits"]).to_numpy(), rel=1e-4
    )
    # Gold labels follow from the vectors, control labels do not.
    controls = everything.codelengths.query("labels == 'control'")
    assert (controls["bits_per_instance"].min() > codes["bits_per_instance"]).all()


@pytest.mark.slow
def test_equal_layers_share_a_mix_and_gain_nothing(everything: pk.Scores) -> None:
    (mix,) = everything.mixes.to_dict("records")
    assert mix["divergence"] == pytest.approx(0, abs=1e-3)
    assert mix["centre_of_gravity"] == pytest.approx(1, abs=0.02)
    assert any("too little to be spread over layers" in each for each in everything.warnings)
    gains = everything.differential
    assert gains["layer"].tolist() == [1, 2]
    assert gains["differential"].sum() == pytest.approx(mix["gain"], abs=1e-6)
    assert (gains["differential_low"] <= 0).all() and (gains["differential_high"] >= 0).all()
    assert (
        np.isfinite(mix["centre_of_gravity"])
        and everything.evidence()["expected_layer"].isna().all()
    )
    shares = everything.mix_shares.groupby(["up_to", "seed"])["share"].sum()
    assert shares.to_numpy() == pytest.approx(1, abs=1e-5)


def test_a_layer_that_gains_is_the_expected_one() -> None:
    plain, context = states_of("identity"), states_of("context")
    values = {}
    for split in plain.corpus.splits:
        values[split] = np.stack(
            [plain.numpy(split)[0], plain.numpy(split)[1], context.numpy(split)[2]]
        )
    states = pk.States.of(values, context.corpus)
    scores = pk.probe(states, WORD, mix=True, fit_settings=QUICK, progress=False)
    (row,) = scores.evidence().to_dict("records")
    assert row["expected_low"] <= row["expected_layer"] <= row["expected_high"]
    assert row["expected_layer"] == pytest.approx(2, abs=0.3)
    gains = scores.differential.set_index("layer")
    assert gains.loc[2, "differential_low"] > 0.1 > gains.loc[1, "differential_high"]
    assert not any("expected layer" in warning for warning in scores.warnings)


def test_what_cannot_be_measured_is_said_at_once() -> None:
    states = states_of("context")
    values = {split: states.numpy(split)[:1] for split in states.corpus.splits}
    one_layer = pk.States.of(values, states.corpus)
    with pytest.raises(pk.ProbekitError, match="of given vectors only layer 0 is read"):
        pk.probe(one_layer, WORD, mix=True, progress=False)
    with pytest.raises(pk.ProbekitError, match="a codelength needs 100"):
        pk.probe(states_of("context", sentences=12), WORD, codelength=True, progress=False)
