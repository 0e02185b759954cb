"""Tree fit: structural probes of all layers, seeds and tasks at once."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
import torch

from probekit.engine.current import current
from probekit.engine.engine import Report
from probekit.engine.workers import at_once
from probekit.errors import InputError
from probekit.probes.fit_settings import DEFAULT, FitSettings
from probekit.probes.heads import Head, head_of
from probekit.probes.heads.linear import Linear
from probekit.probes.heads.rank import Rank
from probekit.probes.structural.tree_training import FittedTrees, TreeTraining
from probekit.progress import Progress, silent
from probekit.states.vectors import Vectors
from probekit.tasks.trees import TreeQuestion

RANK = 64  # of `linear`; Hewitt and Manning 2019 (section 4.3) gain nothing from higher ones
RATE = 3.0  # times the learning rate of other probes


def check_kinds(trees: Sequence[TreeQuestion], kinds: Sequence[str]) -> None:
    """Raise InputError for kinds of probe that structural tasks do not have."""
    for kind in kinds:
        if trees and not isinstance(head_of(kind), Linear | Rank):
            names = ", ".join(question.task.name for question in trees)
            raise InputError(
                f"structural tasks ({names}) take the probes linear and rank:8 (of any rank), "
                f"not {kind}: leave one of them out"
            )


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
    rank = rank_of(head_of(probe), states.dim)
    faster = replace(settings, learning_rate=RATE * settings.learning_rate)
    read = states.layers if layers is None else layers
    groups = list(_groups(read, settings.where()))
    work = _Fitting(states, tuple(questions), rank, seeds, faster)
    parts = current().run(work, groups, lambda done: progress("fit", done, len(groups)))
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
        rank: of the transforms.
        seeds: one probe per layer for each.
        settings: how probes are trained.
    """

    states: Vectors
    questions: tuple[TreeQuestion, ...]
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


def joined_trees(parts: Sequence[FittedTrees]) -> FittedTrees:
    """Fits of one task with different layers as one."""
    counts, dev_scores = {}, {}
    for name in parts[0].counts:
        counts[name] = np.concatenate([part.counts[name] for part in parts])
        dev_scores[name] = np.concatenate([part.dev_scores[name] for part in parts])
    layers: tuple[int, ...] = ()
    for part in parts:
        layers += part.layers
    by_length = [part.by_length for part in parts if part.by_length is not None]
    return replace(
        parts[0],
        layers=layers,
        counts=counts,
        by_length=np.concatenate(by_length) if by_length else None,
        dev_scores=dev_scores,
        dev_loss=np.concatenate([part.dev_loss for part in parts]),
        epochs=np.concatenate([part.epochs for part in parts]),
    )
