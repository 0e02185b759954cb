"""Alike: structural questions about the same trees, whose probes are cells of the same products.

Resamples of the training sentences differ only in how often each of them counts.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from probekit.corpora.passage import Split
from probekit.probes.structural.tree_heads import TREE_HEADS, TreeHead
from probekit.tasks.trees import TreeQuestion, Trees


@dataclass(frozen=True)
class Alike:
    """Neighbouring questions about the same trees.

    Attributes:
        numbers: of the questions.
        head: what their probes make of mapped words.
        trees: of each split.
        weights: `(n, sentences)` how often each training sentence counts; None where each counts
            once.
    """

    numbers: range
    head: TreeHead
    trees: Mapping[Split, Trees]
    weights: np.ndarray | None


def alike(questions: Sequence[TreeQuestion], rank: int) -> Iterator[Alike]:
    """The questions in runs that are about the same trees, for probes of a rank."""
    if not questions:
        return
    begins = [0]
    for number, (one, following) in enumerate(pairwise(questions), start=1):
        if not _are_alike(one, following):
            begins.append(number)
    for start, stop in pairwise([*begins, len(questions)]):
        run = questions[start:stop]
        head = TREE_HEADS[run[0].task.shape](rank)
        yield Alike(range(start, stop), head, run[0].splits, _weights(run))


def _are_alike(one: TreeQuestion, other: TreeQuestion) -> bool:
    if one.task != other.task:
        return False
    for split, trees in one.splits.items():
        others = other.splits[split]
        has_same_heads = trees.heads is others.heads
        if not has_same_heads or trees.sentences.spans is not others.sentences.spans:
            return False
    return True


def _weights(questions: Sequence[TreeQuestion]) -> np.ndarray | None:
    """How often each training sentence counts, as in `Alike`."""
    given = [question.splits["train"].sentences.weights for question in questions]
    if all(weights is None for weights in given):
        return None
    once = np.ones(len(questions[0].splits["train"]), dtype=np.float32)
    return np.stack([once if weights is None else weights for weights in given])
