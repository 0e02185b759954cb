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
        groups: `(n,)` the number of the text or document of each; never decreases.
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
    gold, groups = examples.labelled()
    if places is None:
        return Answers(gold, predictions.reshape(len(gold)), groups)
    saids = []
    for i, (labels, own) in enumerate(zip(examples.labels, places, strict=True)):
        said = np.where(own == LOST, NOTHING, predictions[i][own])
        saids.append(said[labels != NONE])
    return Answers(gold, np.concatenate(saids), groups)


def chosen_labels(logits: Any, labels: Any) -> Any:
    """The predictions in a batch of logits: labels, or numbers where there is one output."""
    first = logits[0] if isinstance(logits, tuple) else logits
    return first.squeeze(-1) if first.shape[-1] == 1 else first.argmax(-1)


def majority(data: Data, split: str = "test") -> Answers:
    """The most frequent label of training, or the mean of its numbers, for everything in a
    split."""
    trained, _ = data.splits["train"].labelled()
    gold, groups = data.splits[split].labelled()
    value = trained.mean() if data.target == "numbers" else np.bincount(trained).argmax()
    return Answers(gold, np.full(len(gold), value), groups)
