"""Erasers: of a task's labels at several layers, and those that they are compared with."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from probekit.engine.workers import workers
from probekit.errors import TaskError
from probekit.states.layers_text import layers_text
from probekit.states.states import States
from probekit.tasks.control import control
from probekit.tasks.question import Question
from probekit.usage.eraser import Eraser, Moments, leace
from probekit.usage.erasure import CONTROL, RANDOM
from probekit.usage.erasure_rows import Cut
from probekit.usage.moments import CPU, moments


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
    kinds = _Kinds(states, question, np.concatenate(targets, axis=1), gold.shape[1], len(seeds))
    # One layer for each worker, so that few matrices are in memory at once.
    with workers(CPU) as pool:
        found = dict(zip(layers, pool.map(kinds.at, layers), strict=True))
    name = question.task.name
    of_task = {layer: of_layer[:1] for layer, of_layer in found.items()}
    of_random = {layer: of_layer[1 : 1 + len(seeds)] for layer, of_layer in found.items()}
    of_control = {layer: of_layer[1 + len(seeds) :] for layer, of_layer in found.items()}
    erasers = [Erasers(name, of_task), Erasers(RANDOM, of_random)]
    if not warnings:
        erasers.append(Erasers(f"{CONTROL}{name}", of_control))
    return erasers, [*warnings, *_whole(name, states, of_task)]


@dataclass(frozen=True)
class _Kinds:
    """Labels of several kinds: the task's, random ones of each seed, and control labels.

    Attributes:
        states: of the words.
        question: the task and its instances.
        targets: numbers for each training instance, `(n, kinds × labels)`.
        n_labels: of each kind.
        n_random: how many kinds are random.
    """

    states: States
    question: Question
    targets: np.ndarray
    n_labels: int
    n_random: int

    def at(self, layer: int) -> tuple[Eraser, ...]:
        """The erasers of each kind at a layer; a random one erases as much as the task's."""
        every = moments(self.states, self.question, self.targets, layer)
        first = leace(every, self._columns(every, 0))
        found = [first]
        for number in range(1, self.targets.shape[1] // self.n_labels):
            columns = self._columns(every, number)
            is_random = number <= self.n_random
            found.append(leace(every, columns[: first.rank] if is_random else columns))
        return tuple(found)

    def _columns(self, every: Moments, number: int) -> np.ndarray:
        """The columns of one kind of label: there are as many for each slot of an instance."""
        columns = np.arange(every.cross.shape[1])
        n_kinds = self.targets.shape[1] // self.n_labels
        return columns[columns // self.n_labels % n_kinds == number]


def _one_hot(labels: np.ndarray, n: int) -> np.ndarray:
    return np.eye(n)[labels]


def _whole(name: str, states: States, erasers: dict[int, tuple[Eraser, ...]]) -> list[str]:
    """A warning where a task takes up all dimensions of a layer."""
    full = [str(layer) for layer, (eraser, *_) in erasers.items() if eraser.rank >= states.dim]
    if not full:
        return []
    return [
        f"{name}: its labels covary with all {states.dim} dimensions at {layers_text(full)}: "
        "erasing them leaves nothing, as does a random subspace of this rank"
    ]
