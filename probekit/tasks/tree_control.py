"""Tree control: heads that follow from each word's type alone.

The control task of dependency edges (Hewitt and Liang 2019, section 2): a type of word is drawn one
of three behaviours, and all its words attach to themselves, to the first word of their sentence, or
to the last. What a probe gets right of this it has memorised.

The other structural tasks have no such control here: distances or depths that follow from types are
those of no tree.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from probekit.corpora.passage import SPLITS, Corpus, Split
from probekit.errors import TaskError
from probekit.tasks.control import uniform
from probekit.tasks.trees import TreeQuestion, Trees
from probekit.tasks.types import Types, types_of_words

BEHAVIOURS = 3  # itself, the first word, the last
SHAPE = "head"
"""The shape of task that has a control."""


def tree_control(question: TreeQuestion, corpus: Corpus, seed: int = 0) -> TreeQuestion:
    """The question with a control head for each word.

    The behaviour of a type is drawn by a hash of the seed and the type: it is the same in every
    split and corpus.

    Args:
        question: a task of heads over `corpus`.
        corpus: its words.
        seed: of the draw.

    Raises:
        TaskError: if no word of the test trees occurs in training.
    """
    types = word_types(question, corpus)
    if not types.share_in_training():
        raise TaskError(
            f"the task '{question.task.name}' has no control on '{corpus.name}': no word of the "
            "test sentences occurs in training, so nothing about them could be memorised"
        )
    places = np.array([uniform(seed, text) for text in types.texts])
    drawn = (BEHAVIOURS * places).astype(np.int64)
    splits: dict[Split, Trees] = {}
    for split, trees in question.splits.items():
        behaviour = drawn[types.numbers[split]]
        within = np.arange(len(trees.heads)) - np.repeat(trees.offsets[:-1], trees.lengths)
        last = np.repeat(trees.lengths - 1, trees.lengths)
        heads = np.choose(behaviour, [within, np.zeros_like(within), last])
        splits[split] = replace(trees, heads=heads)
    return replace(question, splits=splits, labels="control", warnings=())


def word_types(question: TreeQuestion, corpus: Corpus) -> Types:
    """The types of the words of all trees, tree after tree."""
    places = {}
    for split in SPLITS:
        trees = question.splits[split]
        first = np.repeat(trees.sentences.spans[:, 0, 0] - trees.offsets[:-1], trees.lengths)
        places[split] = first + np.arange(len(trees.heads))
    return types_of_words(corpus, places)
