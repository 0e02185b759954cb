"""Samples of labels: nested, with every class where that is possible, and different for each
seed."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from probekit.corpora.passage import Corpus
from probekit.tuning.corpus_data import from_corpus
from probekit.tuning.data import NONE, Data, Examples, Target
from probekit.tuning.nested import nested_order
from probekit.tuning.transfer_arguments import Training
from probekit.tuning.transfer_grid import Grid, with_few_dev


def data_of(labels: list[list[int]], target: Target = "texts", classes: int = 6) -> Data:
    """Data with these labels in every split."""
    texts = [tuple(map(str, range(len(own)))) for own in labels]
    examples = Examples(texts, [np.array(own) for own in labels])
    names = tuple(map(str, range(classes)))
    splits = dict.fromkeys(("train", "dev", "test"), examples)
    return Data("made", target, splits, names, ("accuracy", "macro_f1"))


@given(
    st.lists(st.integers(0, 5), min_size=2, max_size=200), st.integers(0, 5), st.integers(1, 200)
)
def test_a_sample_of_texts_has_every_class_in_its_share(
    labels: list[int], seed: int, size: int
) -> None:
    order = nested_order(data_of([[label] for label in labels]), seed)
    assert sorted(order.tolist()) == list(range(len(labels)))
    size = min(size, len(labels))
    first = np.array(labels)[order[:size]]
    classes = set(labels)
    assert len(set(first.tolist())) == min(size, len(classes))
    for label in classes:
        expected = size * labels.count(label) / len(labels)
        assert abs((first == label).sum() - expected) <= len(classes)


def test_samples_of_words_have_every_class(small: Corpus) -> None:
    data = from_corpus(small, "pos")
    labels = data.splits["train"].labels
    for seed in range(3):
        few = nested_order(data, seed)[:10]
        found = set(np.concatenate([labels[i] for i in few]).tolist()) - {NONE}
        assert found == set(np.concatenate(labels).tolist()) - {NONE}


def test_a_class_without_an_example_is_not_looked_for() -> None:
    order = nested_order(data_of([[0], [3], [0], [3]]), 0)
    assert len(order) == 4


def test_samples_are_nested_and_differ_by_seed(small: Corpus) -> None:
    data = from_corpus(small, "pos")
    orders = {seed: nested_order(data, seed) for seed in (0, 1)}
    training = Training.of(None, None, None, None)
    grid = Grid("m", data, ("ngrams",), (5, 20, 60), orders, training)
    for seed in (0, 1):
        few, more, most = (set(grid.rows(size, seed)) for size in grid.labels)
        assert few < more < most and len(few) == 5 and len(most) == 60
    assert set(grid.rows(20, 0)) != set(grid.rows(20, 1))
    assert set(grid.rows(60, 0)) | set(grid.rows(60, 1)) == set(grid.pool())
    np.testing.assert_array_equal(orders[0], nested_order(data, 0))


@pytest.mark.parametrize("target", ["numbers", "texts"])
def test_few_of_dev_are_a_fair_sample(target: Target) -> None:
    data = data_of([[i % 3] for i in range(60)], target)
    few = with_few_dev(data, 9)
    assert len(few.splits["dev"]) == 9 and len(few.splits["train"]) == 60
    if target == "texts":
        assert np.bincount(np.concatenate(few.splits["dev"].labels)).tolist() == [3, 3, 3]
    assert with_few_dev(data, None) is data and with_few_dev(data, 60) is data
