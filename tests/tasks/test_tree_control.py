"""Control heads: each type of word attaches to itself, the first word or the last."""

from __future__ import annotations

import numpy as np
import pytest

from probekit.corpora.passage import SPLITS, Corpus, Edge, Passage, Split
from probekit.errors import TaskError
from probekit.tasks.task import load_task
from probekit.tasks.tree_control import tree_control, word_types
from probekit.tasks.trees import ask_trees

ARC = load_task("arc")


def drawn_behaviours(corpus: Corpus) -> dict[str, set[str]]:
    """What each type, in lower case, is seen to attach to; sentences of three words or more."""
    control = tree_control(ask_trees(ARC, corpus), corpus)
    seen: dict[str, set[str]] = {}
    for split in SPLITS:
        trees, words = control.splits[split], corpus.splits[split].words.texts()
        for number in range(len(trees)):
            first = int(trees.sentences.spans[number, 0, 0])
            n, start = int(trees.lengths[number]), int(trees.offsets[number])
            for word in range(1, n - 1):  # at the ends two of the three are one word
                names = {word: "itself", 0: "first", n - 1: "last"}
                head = int(trees.heads[start + word])
                seen.setdefault(words[first + word].lower(), set()).add(names[head])
    return seen


def test_a_type_has_one_behaviour_in_all_splits(small: Corpus) -> None:
    seen = drawn_behaviours(small)
    assert all(len(behaviours) == 1 for behaviours in seen.values())
    counts = np.unique([next(iter(behaviours)) for behaviours in seen.values()], return_counts=True)
    assert counts[0].tolist() == ["first", "itself", "last"]
    n = counts[1].sum()
    assert (abs(counts[1] / n - 1 / 3) < 4 * np.sqrt(2 / 9 / n)).all()


def test_another_seed_draws_others(small: Corpus) -> None:
    question = ask_trees(ARC, small)
    one, other = (tree_control(question, small, seed).splits["test"].heads for seed in (0, 1))
    assert not np.array_equal(one, other)
    assert not np.array_equal(one, question.splits["test"].heads)


def test_the_share_of_known_words(small: Corpus) -> None:
    train = {word.lower() for word in small.splits["train"].words.texts()}
    test = [word.lower() in train for word in small.splits["test"].words.texts()]
    types = word_types(ask_trees(ARC, small), small)
    assert types.share_in_training() == pytest.approx(np.mean(test), abs=0.01)


def test_without_known_words_there_is_no_control() -> None:
    splits: dict[Split, list[Passage]] = {}
    for split in SPLITS:
        edges = (Edge(((1, 2), (0, 1)), "dep"),)
        words = (f"{split}a", f"{split}b")
        splits[split] = [Passage(split, split, words, edges={"dependencies": edges})]
    corpus = Corpus("apart", splits)
    with pytest.raises(TaskError, match="no word of the test sentences occurs in training"):
        tree_control(ask_trees(ARC, corpus), corpus)
