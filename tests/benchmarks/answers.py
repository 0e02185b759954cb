"""Answers of one classifier under several penalties, and the best of them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
import torch

from probekit.corpora.passage import Split
from probekit.probes.evaluate import task_scores
from probekit.tasks.question import Question

PATIENCE = 2  # penalties in a row without a better score


class Answer(NamedTuple):
    """Labels given under one penalty, as numbers of the classes.

    Attributes:
        c: inverse of the penalty, as scikit-learn counts it.
        predictions: `(n,)` of dev and of test.
    """

    c: float
    predictions: dict[Split, np.ndarray]


def best_on_dev(question: Question, answers: Iterable[Answer]) -> Answer:
    """The first of those with the best score on dev. No more answers are asked for after PATIENCE
    worse ones."""
    best: Answer | None = None
    best_score, worse = -1.0, 0
    for answer in answers:
        score = score_of(question, "dev", answer.predictions["dev"])
        if score > best_score:
            best, best_score, worse = answer, score, 0
        else:
            worse += 1
        if worse == PATIENCE:
            break
    assert best is not None
    return best


def score_of(question: Question, split: Split, predictions: np.ndarray) -> float:
    """The task's metric of predictions `(n,)`: higher is better."""
    return float(task_scores(question, split, predictions))


def predictions_of(logits: dict[Split, torch.Tensor]) -> dict[Split, np.ndarray]:
    """The likeliest class of every row of `(n, classes)`."""
    return {split: rows.argmax(dim=1).cpu().numpy() for split, rows in logits.items()}
