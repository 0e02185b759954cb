"""A question about a part of a corpus is the question asked of the part."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from probekit.corpora.passage import SPLITS, Corpus, Split
from probekit.states.part import Taken, part_of
from probekit.states.tensors import OfLayer, Tensors
from probekit.states.vectors import Vectors
from probekit.tasks import part
from probekit.tasks.question import Question, ask
from probekit.tasks.task import Task, load_task
from tests.made import made_states


def chosen(corpus: Corpus, task: Task) -> dict[Split, Taken]:
    """A third of training to train, the rest of it to test, dev as it is; whole documents where the
    task reads these."""
    train = corpus.splits["train"]
    units = np.arange(len(train))
    if task.context == "document":
        units = train.document_numbers()
    is_first = np.random.default_rng(3).random(int(units.max()) + 1)[units] < 0.33
    return {
        "train": Taken("train", np.flatnonzero(is_first)),
        "dev": Taken("dev", np.arange(len(corpus.splits["dev"]))),
        "test": Taken("train", np.flatnonzero(~is_first)),
    }


@pytest.mark.parametrize("name", ["pos", "dep", "ner", "coref", "srl", "const"])
def test_as_asked_of_the_part_itself(sample: Corpus, name: str) -> None:
    task = load_task(name)
    taken = chosen(sample, task)
    found = part.part_of(ask(task, sample), sample, taken)
    splits = {split: sample.splits[source].take(rows) for split, (source, rows) in taken.items()}
    expected = ask(task, Corpus("part", splits))
    for split in SPLITS:
        assert (found.splits[split].spans == expected.splits[split].spans).all()
        assert (found.splits[split].groups == expected.splits[split].groups).all()
        # The part's own training may lack labels: the whole question's classes have them.
        is_known = np.array(labels(expected, split)) != "none"
        assert is_known.mean() > 0.99
        assert (np.array(labels(found, split)) == labels(expected, split))[is_known].all()


def labels(question: Question, split: Split) -> list[str]:
    """By name; a label that training lacks has none."""
    names = [*question.classes, "none"]
    return [names[label] for label in question.splits[split].labels.tolist()]


def tensors_of(values: dict[Split, np.ndarray], corpus: Corpus) -> Tensors:
    """The same vectors of two layers as tensors."""
    of_layers: dict[int, OfLayer] = {0: {}, 1: {}}
    for split, of_split in values.items():
        for layer, of_layer in zip(of_layers.values(), of_split, strict=True):
            layer[split] = torch.from_numpy(of_layer)
    return Tensors(corpus, "sentence", (0, 1), of_layers)


@pytest.mark.parametrize("between", [0, 1_000])
@pytest.mark.parametrize("at_once", [7, 1_000])
@pytest.mark.parametrize("has_tensors", [False, True])
def test_vectors_of_a_part_are_those_of_its_words(
    small: Corpus, monkeypatch: pytest.MonkeyPatch, between: int, at_once: int, has_tensors: bool
) -> None:
    """Also where words in between are read, and of vectors that are tensors."""
    monkeypatch.setattr("probekit.states.part.MOST_BETWEEN", between)
    monkeypatch.setattr("probekit.states.part.MOST_AT_ONCE", at_once)
    rng = np.random.default_rng(1)
    values = {}
    for split in SPLITS:
        values[split] = rng.normal(size=(2, int(small.offsets(split)[-1]), 4)).astype(np.float16)
    states: Vectors = made_states(small, values)
    if has_tensors:
        states = tensors_of(values, small)
    taken = chosen(small, load_task("pos"))
    vectors = part_of(states, taken)
    for split, (source, rows) in taken.items():
        offsets = small.offsets(source)
        of_passages = [values[source][:, offsets[i] : offsets[i + 1]] for i in rows.tolist()]
        expected = np.concatenate(of_passages, axis=1)
        n = expected.shape[1]
        assert int(vectors.corpus.offsets(split)[-1]) == n
        assert (vectors.read(split, 0, n, [0, 1]) == expected).all()
        assert (vectors.read(split, 5, 17, [1]) == expected[1:, 5:17]).all()
        assert vectors.read(split, 7, 7, [1]).shape == (1, 0, 4)
