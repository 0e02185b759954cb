"""The syntactic head of a span: against heads picked by hand, and where there is none."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from probekit.corpora.passage import Corpus, Edge, Passage, Split
from probekit.errors import TaskError
from probekit.probes.batches import Runs
from probekit.probes.pooling import slots, take
from probekit.states.arrays import Arrays
from probekit.tasks.part import part_of
from probekit.tasks.question import ask
from probekit.tasks.task import Task

WORDS = ("the", "old", "man", "from", "the", "north", "sleeps", "soundly")
HEADS = (2, 2, 6, 5, 5, 2, None, 6)
PICKED = {  # the head of each span, by hand
    (0, 3): 2,  # the old man
    (0, 6): 2,  # the old man from the north
    (3, 6): 5,  # from the north
    (0, 2): 0,  # the old: both depend on man, so the first
    (3, 5): 3,  # from the: likewise
    (0, 8): 6,  # the whole sentence
    (7, 8): 7,  # one word
    (5, 7): 6,  # north sleeps
}
SPAN = Task(name="np", title="", annotation="constituents", shape="span", span="head")
SPLITS: tuple[Split, ...] = ("train", "dev", "test")


def passage(name: str, **edges: Any) -> Passage:
    links = []
    for dependent, head in enumerate(HEADS):
        if head is not None:
            links.append(Edge(((head, head + 1), (dependent, dependent + 1)), "x"))
    spans = []
    for number, span in enumerate(PICKED):
        spans.append(Edge((span,), "ab"[number % 2]))
    found = {"dependencies": tuple(links), "constituents": tuple(spans), **edges}
    return Passage(name, name, WORDS, {}, {k: v for k, v in found.items() if v is not None})


def corpus_of(**edges: Any) -> Corpus:
    splits = {}
    for split in SPLITS:
        splits[split] = (passage(f"{split}1"), passage(f"{split}2", **edges))
    return Corpus("made", splits)


def test_heads_are_those_picked_by_hand() -> None:
    instances = ask(SPAN, corpus_of()).splits["test"]
    assert instances.heads is not None
    expected = [head + first for first in (0, len(WORDS)) for head in PICKED.values()]
    assert instances.heads[:, 0].tolist() == expected
    taken = instances.take(np.array([3]))
    assert taken.heads is not None and taken.heads.tolist() == [[0]]


def test_a_probe_reads_the_vector_of_the_head() -> None:
    corpus = corpus_of()
    question = ask(SPAN, corpus)
    vectors = np.random.default_rng(0).normal(size=(1, 2 * len(WORDS), 4)).astype(np.float32)
    states = Arrays(corpus, (0,), dict.fromkeys(SPLITS, vectors))
    runs = Runs(states, "test", [question.splits["test"]])
    (batch,) = runs.batches(1000, (0,), torch.device("cpu"))
    (slot,) = slots(SPAN)
    taken = take(batch.states, batch.spans[0], slot)[0].numpy()
    for row, head in zip(taken[: len(PICKED)], PICKED.values(), strict=True):
        assert np.array_equal(row, vectors[0, head])


def test_heads_move_with_their_passages() -> None:
    corpus = corpus_of()
    question = ask(SPAN, corpus)
    taken = {split: (split, np.array([1])) for split in SPLITS}
    part = part_of(question, corpus, taken).splits["test"]
    assert part.heads is not None
    assert part.heads[:, 0].tolist() == list(PICKED.values())


def test_words_in_a_cycle_do_not_keep_it_busy() -> None:
    one, two = ((0, 1), (1, 2)), ((1, 2), (0, 1))
    instances = ask(SPAN, corpus_of(dependencies=(Edge(one, "x"), Edge(two, "x")))).splits["test"]
    assert instances.heads is not None
    # The whole second sentence: of its words without a head, the first.
    assert instances.heads[len(PICKED) + list(PICKED).index((0, 8)), 0] == len(WORDS) + 2


def test_words_have_no_other_head() -> None:
    corpus = corpus_of()
    splits = {}
    for split, passages in corpus.splits.items():
        tags = {"upos": tuple("ab" * (len(WORDS) // 2))}
        splits[split] = tuple(replace(one, tags=tags, edges={}) for one in passages)
    task = Task(name="pos", title="", annotation="upos", shape="word", span="head")
    assert ask(task, Corpus("made", splits)).splits["test"].heads is None


@pytest.mark.parametrize(
    "dependencies, message",
    [
        (None, "span 'head' reads dependencies, which 1 of 2 passages in the train split"),
        ((Edge(((0, 2), (3, 4)), "x"),), "link longer spans"),
    ],
)
def test_a_corpus_whose_dependencies_do_not_serve(dependencies: Any, message: str) -> None:
    with pytest.raises(TaskError, match=message) as caught:
        ask(SPAN, corpus_of(dependencies=dependencies))
    assert len(str(caught.value).splitlines()) == 1
