"""Erasers: of a task's labels at several layers, and those that they are compared with."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from probekit.errors import TaskError
from probekit.states.states import States
from probekit.tasks.control import control
from probekit.tasks.question import Question
from probekit.usage.eraser import Eraser, Moments, leace
from probekit.usage.erasure import CONTROL, RANDOM
from probekit.usage.erasure_rows import Cut
from probekit.usage.moments import moments


@dataclass(frozen=True)
class Erasers:
    """What is erased, at each layer.

    Attributes:
        name: the task's, `random`, or `control:TASK`.
        of_layers: the erasers of each layer: one, or one for each seed.
    """

    name: str
    of_layers: dict[int, tuple[Eraser, ...]]

    def cut(self, layer: int) -> Cut:
        """The erasure at a layer, as results describe it."""
        return Cut(layer, self.name, self.of_layers[layer][0].rank)


def erasers_of(
    states: States, question: Question, layers: Sequence[int], seeds: Sequence[int]
) -> tuple[list[Erasers], list[str]]:
    """Erasers of a task's labels, of as many random dimensions, and of its control labels.

    All are fitted on the same training instances and have the same form. A random one erases what
    covaries with random numbers: directions drawn at random from all of the white space.

    Returns the erasers, and a warning where the task has no control labels.
    """
    warnings: list[str] = []
    instances = question.splits["train"]
    gold = _one_hot(instances.labels, len(question.classes))
    random = [np.random.default_rng(seed).standard_normal(gold.shape) for seed in seeds]
    targets = [gold, *random]
    try:
        drawn = control(question, states.corpus).splits["train"].labels
        targets.append(_one_hot(drawn, len(question.classes)))
    except TaskError as error:
        warnings.append(f"no control labels are erased: {error}")
    found = moments(states, question, np.concatenate(targets, axis=1), layers)
    name, n = question.task.name, gold.shape[1]
    of_task: dict[int, tuple[Eraser, ...]] = {}
    of_random: dict[int, tuple[Eraser, ...]] = {}
    of_control: dict[int, tuple[Eraser, ...]] = {}
    for layer, every in zip(layers, found, strict=True):
        eraser = leace(_of(every, 0, n, len(targets)))
        of_task[layer] = (eraser,)
        drawn_erasers = []
        for number in range(1, 1 + len(random)):
            columns = _of(every, number, n, len(targets)).cross[:, : eraser.rank]
            drawn_erasers.append(leace(Moments(every.mean, every.covariance, columns)))
        of_random[layer] = tuple(drawn_erasers)
        if not warnings:
            of_control[layer] = (leace(_of(every, len(targets) - 1, n, len(targets))),)
    erasers = [Erasers(name, of_task), Erasers(RANDOM, of_random)]
    if of_control:
        erasers.append(Erasers(f"{CONTROL}{name}", of_control))
    return erasers, [*warnings, *_whole(name, states, of_task)]


def _one_hot(labels: np.ndarray, n: int) -> np.ndarray:
    return np.eye(n)[labels]


def _of(every: Moments, number: int, n: int, kinds: int) -> Moments:
    """The moments of one kind of label, of `n` columns for each slot, among `kinds`."""
    columns = np.arange(every.cross.shape[1])
    mine = columns[columns // n % kinds == number]
    return Moments(every.mean, every.covariance, every.cross[:, mine])


def _whole(name: str, states: States, erasers: dict[int, tuple[Eraser, ...]]) -> list[str]:
    """A warning where a task takes up all dimensions of a layer."""
    full = [str(layer) for layer, (eraser, *_) in erasers.items() if eraser.rank >= states.dim]
    if not full:
        return []
    return [
        f"{name}: its labels covary with all {states.dim} dimensions at layer {', '.join(full)}: "
        "erasing them leaves nothing, as does a random subspace of this rank"
    ]
