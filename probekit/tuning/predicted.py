"""Predicted: what a model said of each label, in the order of the examples."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from probekit.tuning.data import NONE, Data, Examples
from probekit.tuning.encoded import LOST

NOTHING = -2  # what is said of a word that the model did not read


class Answers(NamedTuple):
    """Gold and predicted values.

    Attributes:
        gold, said: `(n,)` numbers of labels, or numbers.
        groups: `(n,)` the number of each one's example.
    """

    gold: np.ndarray
    said: np.ndarray
    groups: np.ndarray


def answers(
    examples: Examples, places: list[np.ndarray] | None, predictions: np.ndarray
) -> Answers:
    """What was said of every label; words that the model did not read count as wrong.

    Args:
        examples: with the gold labels.
        places: of each example's words among its predictions; None for one prediction each.
        predictions: `(examples,)` or `(examples, width)`.
    """
    if places is None:
        gold = np.concatenate(examples.labels)
        return Answers(gold, predictions.reshape(len(gold)), np.arange(len(gold)))
    golds, saids, groups = [], [], []
    for i, (labels, own) in enumerate(zip(examples.labels, places, strict=True)):
        said = np.where(own == LOST, NOTHING, predictions[i][own])
        labelled = labels != NONE
        golds.append(labels[labelled])
        saids.append(said[labelled])
        groups.append(np.full(int(labelled.sum()), i))
    return Answers(np.concatenate(golds), np.concatenate(saids), np.concatenate(groups))


def chosen_labels(logits: Any, labels: Any) -> Any:
    """The predictions in a batch of logits: labels, or numbers where there is one output."""
    first = logits[0] if isinstance(logits, tuple) else logits
    return first.squeeze(-1) if first.shape[-1] == 1 else first.argmax(-1)


def majority(data: Data, split: str = "test") -> Answers:
    """The most frequent label of training, or the mean of its numbers, for everything in a
    split."""
    trained = np.concatenate(data.splits["train"].labels)
    trained = trained[trained != NONE]
    gold, groups = [], []
    for i, labels in enumerate(data.splits[split].labels):
        labelled = labels[labels != NONE]
        gold.append(labelled)
        groups.append(np.full(len(labelled), i))
    flat = np.concatenate(gold)
    value = trained.mean() if data.target == "numbers" else np.bincount(trained).argmax()
    return Answers(flat, np.full(len(flat), value), np.concatenate(groups))
