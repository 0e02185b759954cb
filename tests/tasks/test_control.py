"""Control tasks: labels follow from the type alone, and are as frequent as the task's."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import chisquare

from probekit.corpora.passage import SPLITS, Corpus
from probekit.errors import TaskError
from probekit.tasks.control import control
from probekit.tasks.question import ask
from probekit.tasks.task import Task, load_task
from probekit.tasks.types import types_of
from tests.made import made_corpus

WORD = Task(name="word", title="", annotation="upos", shape="word")


@pytest.mark.parametrize("name", ["pos", "dep", "ner", "coref", "srl"])
def test_a_type_has_one_label(sample: Corpus, name: str) -> None:
    """In all splits; checked against the words themselves."""
    question = ask(load_task(name), sample)
    drawn = control(question, sample)
    assert drawn.labels == "control" and question.labels == "gold"
    assert drawn.classes == question.classes
    label_of: dict[tuple[str, ...], int] = {}
    for split in SPLITS:
        words = [word.lower() for passage in sample.splits[split] for word in passage.words]
        instances = drawn.splits[split]
        assert (instances.spans == question.splits[split].spans).all()
        for spans, label in zip(instances.spans.tolist(), instances.labels.tolist(), strict=True):
            key = tuple(" ".join(words[start:end]) for start, end in spans)
            assert label_of.setdefault(key, label) == label
    # A label could not follow from the gold one: some types have several.
    assert len(label_of) > 2 * len(question.classes)


def test_labels_are_as_frequent_as_in_training() -> None:
    distinct = _of_distinct_words(8_000)
    corpus = Corpus("repeated", dict.fromkeys(SPLITS, distinct.splits["train"]))
    question = ask(WORD, corpus)
    labels = control(question, corpus).splits["train"].labels
    gold = np.bincount(question.splits["train"].labels)
    found = np.bincount(labels, minlength=len(gold))
    assert chisquare(found, gold).pvalue > 0.001


def test_a_seed_is_a_draw(sample: Corpus) -> None:
    question = ask(load_task("pos"), sample)
    first, again, other = (control(question, sample, seed) for seed in (0, 0, 1))
    assert (first.splits["test"].labels == again.splits["test"].labels).all()
    assert (first.splits["test"].labels != other.splits["test"].labels).mean() > 0.5


def test_a_type_has_the_same_label_elsewhere(sample: Corpus) -> None:
    """Dev and test need not be read for the label of a type, nor the order of the sentences."""
    question = ask(load_task("pos"), sample)
    reversed_splits = {split: passages[::-1] for split, passages in sample.splits.items()}
    other = Corpus("other", reversed_splits)
    elsewhere = ask(load_task("pos"), other)
    labels = control(question, sample).splits["test"].labels
    types = types_of(question, sample)
    first = {types.texts[t]: n for t, n in zip(types.numbers["test"], labels, strict=True)}
    labels = control(elsewhere, other).splits["test"].labels
    types = types_of(elsewhere, other)
    second = {types.texts[t]: n for t, n in zip(types.numbers["test"], labels, strict=True)}
    assert first == second


def test_the_share_of_known_types(sample: Corpus) -> None:
    question = ask(load_task("pos"), sample)
    known = {word.lower() for passage in sample.splits["train"] for word in passage.words}
    test = [word.lower() for passage in sample.splits["test"] for word in passage.words]
    share = np.mean([word in known for word in test])
    assert types_of(question, sample).share_in_training() == pytest.approx(share, abs=1e-12)


def test_nothing_to_memorise() -> None:
    corpus = _of_distinct_words(60)
    with pytest.raises(TaskError, match="no control on 'distinct'"):
        control(ask(WORD, corpus), corpus)


def _of_distinct_words(n: int) -> Corpus:
    """A corpus in which every word occurs once."""
    rng = np.random.default_rng(0)
    labels = {split: rng.choice(["A", "B", "C"], size=n, p=[0.6, 0.3, 0.1]) for split in SPLITS}
    return made_corpus(labels, name="distinct")
