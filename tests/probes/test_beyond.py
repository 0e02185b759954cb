"""Bits beyond a layer: mutual information where it is known, and none for copies and noise."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression

import probekit as pk
from probekit.corpora.passage import Split
from probekit.errors import InputError
from probekit.states.beside import Beside
from probekit.states.states import States
from tests.made import WORDS, made_corpus, made_states
from tests.probes.test_fit import WORD

DIM = 8
FLIPPED = 0.1  # share of the bits that vectors have wrong
SIZES: dict[Split, int] = {"train": 1_000, "dev": 200, "test": 600}
COPY, CONTEXT, NOISE = 1, 2, 3


def entropy(share: float) -> float:
    """Of a biased coin, in bits."""
    return float(-share * np.log2(share) - (1 - share) * np.log2(1 - share))


ADDED = 1 - entropy(FLIPPED)
"""Mutual information of a bit and of one that is flipped that often: of CONTEXT and the label,
given layer 0."""


@pytest.fixture(scope="module")
def states() -> States:
    """A label has two bits. Layer 0 and its COPY tell the first, CONTEXT the second, NOISE none."""
    rng = np.random.default_rng(2)
    values: dict[Split, np.ndarray] = {}
    labels: dict[Split, np.ndarray] = {}
    for split, sentences in SIZES.items():
        n = sentences * WORDS
        first, second = rng.integers(0, 2, (2, n))
        labels[split] = 2 * first + second
        told = np.stack([first, second]) ^ (rng.random((2, n)) < FLIPPED)
        values[split] = rng.normal(size=(4, n, DIM))
        values[split][0, :, :2] = np.eye(2)[told[0]]
        values[split][COPY] = values[split][0]
        values[split][CONTEXT, :, :2] = np.eye(2)[told[1]]
    return made_states(made_corpus(labels), values)


@pytest.fixture(scope="module")
def found(states: States) -> pd.DataFrame:
    """Rows of layers 1 to 3, by layer."""
    scores = pk.probe(states, WORD, probes=["linear", "mlp"], beyond=0, progress=False)
    assert set(scores.beyond["given"]) == {0}
    return scores.beyond.set_index(["probe", "layer"])


@pytest.mark.slow
@pytest.mark.parametrize("probe", ["linear", "mlp"])
def test_an_informative_layer_adds_its_mutual_information(found: pd.DataFrame, probe: str) -> None:
    row = found.loc[probe, CONTEXT]
    assert row["bits"] == pytest.approx(ADDED, abs=0.03)
    assert 0 < row["ci_low"] < ADDED < row["ci_high"] < 1
    assert row["bits_given"] == pytest.approx(1 + entropy(FLIPPED), abs=0.03)
    assert row["bits"] == pytest.approx(row["bits_given"] - row["bits_both"], abs=1e-5)
    assert row["n_test"] == SIZES["test"] * WORDS and row["seeds"] == 1


@pytest.mark.slow
@pytest.mark.parametrize("probe", ["linear", "mlp"])
def test_a_copy_and_noise_add_nothing(found: pd.DataFrame, probe: str) -> None:
    for layer in (COPY, NOISE):
        row = found.loc[probe, layer]
        assert row["ci_low"] <= 0 <= row["ci_high"]
        assert row["bits"] == pytest.approx(0, abs=0.005)
    assert found.loc[probe, COPY]["bits"] == 0  # it is the same probe


@pytest.mark.slow
def test_scikit_learn_measures_the_same(states: States, found: pd.DataFrame) -> None:
    question = pk.ask(WORD, states.corpus)

    def bits(layers: list[int]) -> float:
        vectors = {}
        for split in ("train", "test"):
            read = states.read(split, 0, SIZES[split] * WORDS, layers)
            vectors[split] = np.concatenate(list(read), axis=-1).astype(np.float64)
        model = LogisticRegression(max_iter=500).fit(
            vectors["train"], question.splits["train"].labels
        )
        labels = question.splits["test"].labels
        likely = model.predict_proba(vectors["test"])[np.arange(len(labels)), labels]
        return float(-np.log2(likely).mean())

    expected = bits([0]) - bits([0, CONTEXT])
    assert found.loc["linear", CONTEXT]["bits"] == pytest.approx(expected, abs=0.02)


def test_vectors_stand_beside_each_other(states: States) -> None:
    both = Beside(states, 2).read("dev", 5, 9, [0, 2])
    alone = states.read("dev", 5, 9, [0, 2])
    assert both.shape == (2, 4, 2 * DIM) and both.dtype == alone.dtype
    assert (both[:, :, :DIM] == alone[1]).all() and (both[:, :, DIM:] == alone).all()


@pytest.mark.slow
def test_the_best_layer_shows_it(states: States) -> None:
    scores = pk.probe(states, WORD, beyond=NOISE, seeds=2, progress=False)
    assert sorted(scores.beyond["layer"]) == [0, COPY, CONTEXT]
    (row,) = scores.evidence().to_dict("records")
    assert row["beyond_low"] < row["bits_beyond"] < row["beyond_high"] and row["given"] == NOISE
    assert row["bits_beyond"] == pytest.approx(ADDED, abs=0.03)


@pytest.mark.parametrize("given", [7, -1])
def test_a_layer_that_is_not_read(states: States, given: int) -> None:
    with pytest.raises(InputError, match=f"beyond={given}: this layer is not read; .* 0, 1"):
        pk.probe(states, WORD, beyond=given)


def test_a_layer_alone_has_nothing_beside_it(states: States) -> None:
    first = {split: states.read(split, 0, n * WORDS, [0]) for split, n in SIZES.items()}
    alone = pk.States.of(first, states.corpus)
    with pytest.raises(InputError, match="beyond=0 is the only layer that is read"):
        pk.probe(alone, WORD, beyond=0)
