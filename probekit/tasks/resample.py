"""Resample: the same question with other training sentences, drawn from those that it has.

What a probe scores depends on the sentences it happened to be trained on. Refitting it on bootstrap
samples of them (Efron and Tibshirani 1993, chapter 6) shows by how much.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from probekit.tasks.question import Question


def resample_train(question: Question, number: int) -> Question:
    """The question with a bootstrap sample of its training sentences (or documents).

    Sentences with an instance are drawn with replacement, as many as there are. An instance counts
    as often as its sentence was drawn.

    Args:
        question: a task over a corpus.
        number: of the draw, from 1; the training split as it is has the number 0.
    """
    train = question.splits["train"]
    groups = np.unique(train.groups, return_inverse=True)[1]
    n_groups = train.n_groups
    drawn = np.random.default_rng(number).integers(0, n_groups, n_groups)
    times = np.bincount(drawn, minlength=n_groups)
    weights = times[groups].astype(np.float32)
    weights /= weights.mean()
    splits = {**question.splits, "train": replace(train, weights=weights)}
    return replace(question, splits=splits, draw=number)
