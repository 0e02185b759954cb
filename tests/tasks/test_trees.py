"""Trees: which sentences have one, and what is counted in it, against networkx."""

from __future__ import annotations

import networkx as nx
import numpy as np
import pytest

from probekit.corpora.passage import Corpus, Edge, Passage
from probekit.errors import TaskError
from probekit.probes.questions import questions
from probekit.probes.structural.baselines import TREE_BASELINES
from probekit.tasks.question import ask
from probekit.tasks.task import Task, load_task
from probekit.tasks.trees import LONGEST, ask_trees, depths_of, distances_of

DISTANCE = load_task("distance")


def sentence(name: str, *pairs: tuple[int, int], n: int = 4, label: str = "dep") -> Passage:
    """A sentence of n words with (head, dependent) pairs."""
    edges = tuple(Edge(((h, h + 1), (d, d + 1)), label) for h, d in pairs)
    return Passage(name, name, tuple("abcd" * n)[:n], edges={"dependencies": edges})


TREE = sentence("tree", (1, 0), (1, 2), (2, 3))
BROKEN = {
    "cycle": sentence("cycle", (1, 2), (2, 1), (0, 3)),
    "roots": sentence("roots", (1, 0), (1, 2)),
    "heads": sentence("heads", (1, 0), (1, 2), (2, 3), (1, 3)),
    "itself": sentence("itself", (1, 0), (1, 2), (3, 3)),
}


def corpus(*passages: Passage) -> Corpus:
    return Corpus("made", {"train": passages, "dev": passages, "test": passages})


@pytest.mark.parametrize("kind", BROKEN)
def test_what_is_no_tree_is_counted_and_left_out(kind: str) -> None:
    asked = ask_trees(DISTANCE, corpus(TREE, BROKEN[kind]))
    trees = asked.splits["train"]
    assert len(trees) == 1 and trees.heads.tolist() == [1, 1, 1, 2]
    assert "3 of 6 sentences left out" in asked.warnings[0]
    with pytest.raises(TaskError, match="finds no tree in the train split"):
        ask_trees(DISTANCE, corpus(BROKEN[kind]))


def test_long_sentences_are_left_out() -> None:
    long = sentence("long", *((0, d) for d in range(1, LONGEST + 1)), n=LONGEST + 1)
    asked = ask_trees(DISTANCE, corpus(TREE, long))
    assert len(asked.splits["test"]) == 1
    assert f"more than {LONGEST} words" in asked.warnings[0]


def test_punctuation_is_told_by_its_relation() -> None:
    asked = ask_trees(DISTANCE, corpus(sentence("p", (0, 1), n=2, label="punct"), TREE))
    assert asked.splits["test"].punctuation.tolist() == [False, True, *[False] * 4]


def test_depths_and_distances_are_those_of_networkx() -> None:
    rng = np.random.default_rng(0)
    heads = TREE_BASELINES["random_tree"](20, 9, rng)
    for own, depths, distances in zip(heads, depths_of(heads), distances_of(heads), strict=True):
        graph = nx.Graph((int(h), d) for d, h in enumerate(own) if h != d)
        paths = dict(nx.all_pairs_shortest_path_length(graph))
        root = int(np.flatnonzero(own == np.arange(9))[0])
        assert depths.tolist() == [paths[root][word] for word in range(9)]
        for word in range(9):
            assert distances[word].tolist() == [paths[word][other] for other in range(9)]


def test_structural_tasks_are_not_asked_for_labels() -> None:
    with pytest.raises(TaskError, match="asks for trees"):
        ask(DISTANCE, corpus(TREE))
    with pytest.raises(TaskError, match="have no labels"):
        questions("distance", corpus(TREE))
    assert not any(task.is_structural for task in map(load_task, ("dep", "pos")))


def test_a_metric_must_be_of_its_shape() -> None:
    with pytest.raises(TaskError, match="uuas"):
        Task(name="x", title="", annotation="dependencies", shape="distance", metric="accuracy")
    with pytest.raises(TaskError, match="accuracy"):
        Task(name="x", title="", annotation="upos", shape="word", metric="uuas")


def test_a_corpus_without_the_annotation_is_refused() -> None:
    with pytest.raises(TaskError, match="no annotation 'dependencies'"):
        ask_trees(DISTANCE, corpus(Passage("1", "1", ("a", "b"), {"upos": ("X", "Y")})))
