"""States: bring your own vectors, and take probekit's away."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch

import probekit as pk
from probekit.corpora.passage import SPLITS, Corpus, Split
from probekit.errors import InputError, ProbekitError
from probekit.states.extract import in_context
from tests.made import SIZES, made_corpus

N = SIZES


def labelled() -> tuple[Corpus, dict[Split, np.ndarray]]:
    """Ten words a passage, and two layers of vectors: their tag is the sign of the first number at
    layer 1."""
    rng = np.random.default_rng(0)
    vectors = {split: rng.normal(size=(2, 10 * n, 4)) for split, n in N.items()}
    return made_corpus({split: values[1, :, 0] > 0 for split, values in vectors.items()}), vectors


@pytest.mark.slow
def test_vectors_of_ones_own_are_probed() -> None:
    corpus, vectors = labelled()
    states = pk.States.of(vectors, corpus, name="mine")
    scores = pk.probe(states, "pos", seeds=2)
    best = scores.best().iloc[0]
    assert best["model"] == "mine" and best["layer"] == 1 and best["score"] > 0.9
    change = pk.compare(states, pk.States.of(vectors, corpus, name="same"), "pos", seeds=2)
    assert (change.best["delta"] == 0).all()


@pytest.mark.parametrize("kind", ["float64", "float16", "torch", "torch.bfloat16", "torch.float16"])
def test_what_goes_in_comes_out(kind: str) -> None:
    corpus, vectors = labelled()
    given: dict[Split, Any] = {}
    for split, values in vectors.items():
        tensor = torch.from_numpy(values)
        dtype = getattr(torch, kind.removeprefix("torch.") if "." in kind else "float64")
        given[split] = tensor.to(dtype) if kind.startswith("torch") else values.astype(kind)
    states = pk.States.of(given, corpus)
    assert states.dtype == ("float16" if "float16" in kind and "bf" not in kind else "float32")
    for split in SPLITS:
        expected = torch.as_tensor(given[split]).to(getattr(torch, states.dtype))
        assert torch.equal(states.torch(split), expected)
        for layer in (1, np.int64(1)):
            assert np.array_equal(states.numpy(split, layer), expected[1].numpy())  # type: ignore[arg-type]
        assert np.array_equal(states.numpy(split, [1, 0]), expected[[1, 0]].numpy())


def test_one_layer_needs_no_axis_and_zeros_are_no_vectors() -> None:
    corpus, vectors = labelled()
    flat = {split: values[1] for split, values in vectors.items()}
    flat["test"][3] = 0
    states = pk.States.of(flat, corpus)
    assert states.layers == (0,) and states.numpy("test").shape == (1, 1000, 4)
    assert states.without_vector["test"] == (3,)
    assert "1 of 6,000 words have no vector ('w3test'): zero vectors" in states.warnings[0]


def test_words_stand_in_the_order_of_the_vectors(tiny_bert: Path, small: Corpus) -> None:
    states = pk.extract(tiny_bert, small, layers=(0, 2))
    words = states.words("dev")
    assert len(words) == states.numpy("dev", 2).shape[0] == states.torch("dev").shape[1]
    passage = small.splits["dev"][5]
    rows = words[words["passage"] == passage.id]
    assert rows["word"].tolist() == list(passage.words) and set(rows["document"]) == {
        passage.document
    }
    assert rows["place"].tolist() == list(range(len(passage.words)))
    again = pk.States.of({split: states.numpy(split) for split in SPLITS}, small, name=states.model)
    columns = ["task", "probe", "score", "dev_score"]
    found, expected = (pk.probe(one, "pos").table[columns] for one in (again, states))
    pd.testing.assert_frame_equal(found, expected, atol=2e-3)  # layer 2 is the second of two here


@pytest.mark.parametrize(
    "change, message",
    [
        ({"dev": None}, "vectors has no 'dev'"),
        ({"dev": np.full((2, 1000, 4), np.nan)}, r"1,000 words with numbers .* row 0"),
        ({"dve": np.zeros((2, 1000, 4))}, "unknown split 'dve': did you mean 'dev'"),
        ({"dev": np.zeros((2, 999, 4))}, r"'dev' takes numbers \(layers, 1,000 words, width\)"),
        ({"dev": np.zeros(200)}, r"not float64 \(200,\)"),
        ({"dev": np.full((2, 1000, 4), "a")}, "takes numbers"),
        ({"dev": np.zeros((3, 1000, 4))}, "'dev' has 3 layers of width 4"),
        ({"dev": np.zeros((2, 1000, 5))}, "'dev' has 2 layers of width 5"),
        (
            {"dev": np.zeros((2, 1000, 4), np.float16)},
            r"\(float16\), and 'train' 2 of width 4 \(float32\)",
        ),
    ],
)
def test_vectors_that_do_not_fit(change: dict[Split, Any], message: str) -> None:
    corpus, vectors = labelled()
    given = {split: values for split, values in (vectors | change).items() if values is not None}
    with pytest.raises(InputError, match=message):
        pk.States.of(given, corpus)


def test_another_context_cannot_be_computed() -> None:
    corpus, vectors = labelled()
    states = pk.States.of(vectors, corpus)
    assert in_context(states, "sentence") is states
    with pytest.raises(InputError, match="context='document'"):
        in_context(states, "document")
    odd: list[Any] = [7, [0, 7], "a", -1]
    for layers in odd:
        with pytest.raises(ProbekitError, match="layers"):
            states.numpy("test", layers)


@pytest.mark.slow
def test_a_picture_calls_layer_0_the_embeddings_of_models_only(
    tiny_bert: Path, small: Corpus
) -> None:
    corpus, vectors = labelled()
    mine = pk.probe(pk.States.of(vectors, corpus), "pos")
    change = pk.compare(
        pk.States.of(vectors, corpus), pk.States.of(vectors, corpus, name="b"), "pos"
    )
    model = pk.probe(tiny_bert, "pos", corpus=small)
    for draw in (pk.heatmap, pk.lines):
        assert "0 = embeddings" in draw(model).axes[0].get_xlabel()
        for results in (mine, change):
            assert "embeddings" not in draw(results).axes[0].get_xlabel()
