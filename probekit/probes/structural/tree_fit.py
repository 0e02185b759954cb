"""Tree fit: structural probes of all layers, seeds and tasks at once."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
import torch

from probekit.corpora.passage import Split
from probekit.engine.current import current
from probekit.engine.engine import Report
from probekit.engine.workers import at_once, workers
from probekit.errors import InputError
from probekit.probes.batches import Runs
from probekit.probes.fit_settings import DEFAULT, FitSettings
from probekit.probes.heads import Head, head_of
from probekit.probes.heads.linear import Linear
from probekit.probes.heads.rank import Rank
from probekit.probes.structural.fitted_trees import (
    FittedTrees,
    WordMaps,
    joined_counts,
    joined_trees,
    measure,
    sentence_losses,
)
from probekit.probes.structural.tree_heads import TREE_HEADS
from probekit.probes.structural.tree_training import TreeTraining
from probekit.progress import Progress, silent
from probekit.states.vectors import Vectors
from probekit.tasks.trees import TreeQuestion

RANK = 64  # of `linear`; Hewitt and Manning 2019 (section 4.3) gain nothing from higher ones
RATE = 3.0  # times the learning rate of other probes


def check_kinds(trees: Sequence[TreeQuestion], kinds: Sequence[str]) -> None:
    """Raise InputError for kinds of probe that structural tasks do not have."""
    for kind in kinds:
        if trees and not has_trees(kind):
            names = ", ".join(question.task.name for question in trees)
            raise InputError(
                f"structural tasks ({names}) take the probes linear and rank:8 (of any rank), "
                f"not {kind}: leave one of them out"
            )


def has_trees(kind: str) -> bool:
    """Whether structural tasks have this kind of probe."""
    return isinstance(head_of(kind), Linear | Rank)


def rank_of(head: Head, dim: int) -> int:
    """The rank of the transform: that of `rank:8`, or RANK, and at most the width of vectors."""
    return min(head.rank if isinstance(head, Rank) else RANK, dim)


def fit_trees(
    states: Vectors,
    questions: Sequence[TreeQuestion],
    *,
    probe: str = "linear",
    seeds: tuple[int, ...] = (0,),
    settings: FitSettings = DEFAULT,
    layers: Sequence[int] | None = None,
    progress: Progress = silent,
) -> list[FittedTrees]:
    """Train structural probes of every layer on one checkpoint's states, and measure them on test.

    The round with the least dev loss is chosen.

    Args:
        states: what is read, in the context of the tasks.
        questions: the tasks and their trees.
        probe: the kind: `linear`, or `rank:8` for a transform of that rank.
        seeds: one probe per layer for each.
        settings: how probes are trained.
        layers: the layers that are read; None for all.
        progress: called with the stage, the groups of layers trained and how many there are.

    Returns the trained probes of each task. Raises InputError for another kind of probe, and
    ModelError for states that are not finite.
    """
    check_kinds(questions, [probe])
    kind = head_of(probe)
    rank = rank_of(kind, states.dim)
    faster = replace(settings, learning_rate=RATE * settings.learning_rate)
    read = states.layers if layers is None else layers
    groups = list(_groups(read, settings.where()))
    work = _Fitting(states, tuple(questions), kind.name, rank, seeds, faster)
    parts = current().run(work, groups, lambda done: progress("fit trees", done, len(groups)))
    found = []
    for question, of_task in zip(questions, zip(*parts, strict=True), strict=True):
        # An engine may have sent a copy of the question.
        found.append(replace(joined_trees(of_task), question=question))
    return found


@dataclass(frozen=True)
class _Fitting:
    """Trains the probes of groups of layers, each in one thread; it is the `Work` of an engine.

    Attributes:
        states: what is read.
        questions: the tasks and their trees.
        kind: of probe.
        rank: of the transforms.
        seeds: one probe per layer for each.
        settings: how probes are trained.
    """

    states: Vectors
    questions: tuple[TreeQuestion, ...]
    kind: str
    rank: int
    seeds: tuple[int, ...]
    settings: FitSettings
    one_thread: bool = True

    def run(self, jobs: Sequence[tuple[int, ...]], report: Report) -> list[list[FittedTrees]]:
        """The probes of each group of layers, by question."""
        trainings = []
        for layers in jobs:
            begin = partial(
                TreeTraining,
                self.states,
                self.questions,
                self.kind,
                self.rank,
                layers,
                self.seeds,
                self.settings,
            )
            trainings.append(partial(_trained, begin))
        return at_once(self.settings.where(), trainings, report)


def _groups(layers: Sequence[int], device: torch.device) -> Iterator[tuple[int, ...]]:
    """Layers that are fitted together: a group for each thread."""
    n = min(current().width(device), len(layers))
    for group in np.array_split(np.array(layers), n):
        yield tuple(group.tolist())


def _trained(begin: partial[TreeTraining], progress: Report) -> list[FittedTrees]:
    """The result of a training that begins in the worker, since it reads states."""
    return begin().run(progress)


def predict_trees(fitted: Sequence[FittedTrees], states: Vectors, split: Split) -> list[np.ndarray]:
    """What the metric of each task counts in other vectors of the same words.

    `fitted` are the probes of all tasks that were fitted together. The probe of layer k reads layer
    k of `states`.

    Returns `(layers, seeds, trees, k)` counts for each task.
    """
    parts = _of_parts(measure, fitted, states, split)
    found = []
    for one, of_task in zip(fitted, zip(*parts, strict=True), strict=True):
        found.append(joined_counts(of_task)[one.question.task.metric])
    return found


def losses(fitted: Sequence[FittedTrees], states: Vectors, split: Split) -> list[np.ndarray]:
    """The losses of the words of each tree, summed: `(layers, seeds, trees)` for each task; of
    heads these are cross-entropies in nats."""
    parts = _of_parts(sentence_losses, fitted, states, split)
    return [np.concatenate(of_task) for of_task in zip(*parts, strict=True)]


def _of_parts(
    of: Callable[..., list[Any]], fitted: Sequence[FittedTrees], states: Vectors, split: Split
) -> list[list[Any]]:
    """What `measure` or `sentence_losses` give of each part of the layers, by task."""
    trees = [one.question.splits[split] for one in fitted]
    heads = [TREE_HEADS[one.question.task.shape](one.rank) for one in fitted]
    runs = Runs(states, split, [of_task.sentences for of_task in trees])

    def of_part(of_layers: Sequence[tuple[tuple[int, ...], WordMaps]]) -> list[Any]:
        maps = [each for _, each in of_layers]
        return of(maps, heads, trees, runs, of_layers[0][0])

    with workers(fitted[0].maps[0][1].weights.device) as pool:
        return list(pool.map(of_part, zip(*(one.maps for one in fitted), strict=True)))
