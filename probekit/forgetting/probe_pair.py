"""Probe pair: one task's probes of two checkpoints, with their layers paired."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from probekit.corpora.passage import Split
from probekit.forgetting.comparison_rows import Compared, ComparedTask
from probekit.forgetting.layers import layer_pairs, partners
from probekit.probes import identity
from probekit.probes.evaluate import task_counts, task_scores
from probekit.probes.fitted import Fitted
from probekit.states.states import States
from probekit.tasks.question import Question


@dataclass(frozen=True)
class ProbePair:
    """The probes of a task, before and after.

    Attributes:
        about: the two checkpoints and the task, which its rows share in every table.
        question: the task, and the instances that both answered.
        layers: (layer before, layer after) of each pair.
        before, after: the probes, of all layers.
        alike: whether both models have the same number of layers, so that a layer lacks a partner
            only where that was not read.
        origins: the layer before at the same depth as each layer after, where there is one.
        floor: score of the baseline above which retention counts.
    """

    about: ComparedTask
    question: Question
    layers: tuple[tuple[int, int], ...]
    before: Fitted
    after: Fitted
    alike: bool
    origins: dict[int, int]
    floor: float

    @property
    def candidates(self) -> tuple[list[int], list[int]]:
        """Places of the layers among which the best is chosen, before and after.

        All, or where both models have the same number of layers, those read in both.
        """
        if self.alike:
            return self.places
        return list(range(len(self.before.layers))), list(range(len(self.after.layers)))

    @property
    def places(self) -> tuple[list[int], list[int]]:
        """Places of the paired layers among those fitted, before and after."""
        first = [self.before.layers.index(a) for a, _ in self.layers]
        second = [self.after.layers.index(b) for _, b in self.layers]
        return first, second


def probe_pairs(
    about: Compared,
    states: tuple[States, States],
    fitted: Sequence[tuple[Fitted, Fitted]],
    floors: Sequence[float],
    fit_fingerprint: str,
) -> list[ProbePair]:
    """The probe pair of each task.

    Args:
        about: the two checkpoints.
        states: of the checkpoint before and the one after.
        fitted: the probes of each task, before and after.
        floors: score of each task's baseline.
        fit_fingerprint: of how probes were trained.
    """
    before, after = states
    layers = tuple(layer_pairs(before, after))
    alike = before.n_layers == after.n_layers
    origins = dict(partners(after, before))
    pairs = []
    for (first, second), floor in zip(fitted, floors, strict=True):
        task = first.question.task
        about_task = ComparedTask(
            **vars(about),
            task=task.name,
            task_fingerprint=identity.of_task(task)["task_fingerprint"],
            fit_fingerprint=fit_fingerprint,
        )
        pairs.append(
            ProbePair(about_task, first.question, layers, first, second, alike, origins, floor)
        )
    return pairs


def counts(question: Question, split: Split, predictions: Sequence[np.ndarray]) -> list[np.ndarray]:
    """What the task's metric counts in several sets of predictions of the same seeds.

    They are counted together, so that `k` means the same labels in all.

    Args:
        question: the task and its instances.
        split: that was predicted.
        predictions: `(cells, seeds, n)` each.

    Returns:
        `(cells, seeds, groups, k)` each.
    """
    counted = task_counts(question, split, np.concatenate(predictions))
    return np.split(counted, np.cumsum([len(cells) for cells in predictions])[:-1])


def mean_scores(question: Question, split: Split, predictions: np.ndarray) -> np.ndarray:
    """Mean score of each cell over seeds: `(cells,)` from predictions `(cells, seeds, n)`."""
    return task_scores(question, split, predictions).mean(axis=1)
