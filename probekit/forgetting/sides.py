"""Sides: one task's probes of two checkpoints, layer against layer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from probekit.corpora.passage import Split
from probekit.probes.evaluate import task_counts, task_scores
from probekit.probes.fit import Fitted
from probekit.tasks.question import Question


@dataclass(frozen=True)
class Sides:
    """Both sides of a task.

    Attributes: question: the task and the instances both answered. layers: (layer before, layer
        after) of each pair. before, after: the probes, of all layers. alike: whether both models
        have as many layers, so that a layer without its partner is one not kept. origins: for each
        layer after, the layer before that stands at its depth; those that have none are not there.
    """

    question: Question
    layers: tuple[tuple[int, int], ...]
    before: Fitted
    after: Fitted
    alike: bool
    origins: dict[int, int]

    @property
    def candidates(self) -> tuple[list[int], list[int]]:
        """Among which of the fitted layers the best is chosen on each side: all, or those that both
        have."""
        every = list(range(len(self.before.layers))), list(range(len(self.after.layers)))
        return self.places if self.alike else every

    @property
    def places(self) -> tuple[list[int], list[int]]:
        """Where the paired layers stand among those fitted, on each side."""
        first = [self.before.layers.index(a) for a, _ in self.layers]
        second = [self.after.layers.index(b) for _, b in self.layers]
        return first, second


def counts(question: Question, split: Split, predictions: Sequence[np.ndarray]) -> list[np.ndarray]:
    """What the task's metric counts in several sets of predictions, which are of the same seeds.

    They are counted together, so that `k` means the same labels for all.

    Args:
        question: the task and its instances.
        split: the one predicted.
        predictions: `(cells, seeds, n)` each.

    Returns:
        `(cells, seeds, groups, k)` each.
    """
    counted = task_counts(question, split, np.concatenate(predictions))
    return np.split(counted, np.cumsum([len(cells) for cells in predictions])[:-1])


def mean_scores(question: Question, split: Split, predictions: np.ndarray) -> np.ndarray:
    """Score of each cell, mean over seeds: `(cells,)` from `(cells, seeds, n)`."""
    return task_scores(question, split, predictions).mean(axis=1)
