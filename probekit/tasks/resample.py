"""Resample: the same question with other training sentences, drawn from those that it has.

What a probe scores depends on the sentences it happened to be trained on. Refitting it on bootstrap
samples of them (Efron and Tibshirani 1993, chapter 6) shows by how much.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from probekit.tasks.question import Instances, Question
from probekit.tasks.trees import TreeQuestion


def resample_train(question: Question, number: int) -> Question:
    """The question with a bootstrap sample of its training sentences (or documents).

    Sentences with an instance are drawn with replacement, as many as there are. An instance counts
    as often as its sentence was drawn.

    Args:
        question: a task over a corpus.
        number: of the draw, from 1; the training split as it is has the number 0.
    """
    train = _resampled(question.splits["train"], number)
    return replace(question, splits={**question.splits, "train": train}, draw=number)


def resample_train_trees(question: TreeQuestion, number: int) -> TreeQuestion:
    """The same of a structural task: a tree counts as often as its sentence was drawn."""
    trees = question.splits["train"]
    train = replace(trees, sentences=_resampled(trees.sentences, number))
    return replace(question, splits={**question.splits, "train": train}, draw=number)


def _resampled(train: Instances, number: int) -> Instances:
    groups = np.unique(train.groups, return_inverse=True)[1]
    n_groups = train.n_groups
    drawn = np.random.default_rng(number).integers(0, n_groups, n_groups)
    times = np.bincount(drawn, minlength=n_groups)
    weights = times[groups].astype(np.float32)
    weights /= weights.mean()
    return replace(train, weights=weights)
