"""Fitting: probes of all layers, seeds and tasks at once, one pass over the states per epoch."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np

from probekit.corpora.passage import Split
from probekit.engine.current import current
from probekit.engine.engine import Report
from probekit.engine.workers import at_once, workers
from probekit.probes.batches import Runs
from probekit.probes.evaluate import evaluate
from probekit.probes.fit_settings import DEFAULT, FitSettings
from probekit.probes.fitted import Fitted, joined
from probekit.probes.heads import Head, head_of
from probekit.probes.stack_plan import StackPlan, stack_plans
from probekit.probes.training import Training
from probekit.probes.view import View, single_layers
from probekit.progress import Progress, silent
from probekit.states.vectors import Vectors
from probekit.tasks.question import Question


def fit(
    states: Vectors,
    questions: Sequence[Question],
    *,
    probe: str = "linear",
    seeds: tuple[int, ...] = (0,),
    settings: FitSettings = DEFAULT,
    views: Sequence[View] | None = None,
    progress: Progress = silent,
) -> list[Fitted]:
    """Train probes of every task on one checkpoint's states, see `fit_together`."""
    return fit_together(
        [states],
        questions,
        probe=probe,
        seeds=seeds,
        settings=settings,
        views=views,
        progress=progress,
    )[0]


def fit_together(
    checkpoints: Sequence[Vectors],
    questions: Sequence[Question],
    *,
    probe: str = "linear",
    seeds: tuple[int, ...] = (0,),
    settings: FitSettings = DEFAULT,
    views: Sequence[View] | None = None,
    progress: Progress = silent,
) -> list[list[Fitted]]:
    """Train probes of every checkpoint, task, view and seed, and label the test split.

    They are trained on the training split; the round with the best dev score is chosen. A probe's
    result depends on its own states, task, view and seed, not on what else is fitted with it, apart
    from the rounding of larger matrix products. States must have been read in the context of the
    tasks.

    Args:
        checkpoints: the states of each.
        questions: the tasks and their instances, the same for all checkpoints.
        probe: the kind of probe, see `heads.head_of`.
        seeds: one probe per view for each.
        settings: how probes are trained.
        views: the layers that probes read; by default each layer alone.
        progress: called with the stage, the stacks trained and how many there are.

    Returns, for each checkpoint, the trained probes of each task. Raises ModelError for states that
    are not finite.
    """
    plans: list[StackPlan] = []
    for i, states in enumerate(checkpoints):
        wanted = single_layers(states.layers) if views is None else tuple(views)
        plans += stack_plans(i, states, wanted, len(questions), seeds, settings)
    work = _Fitting(tuple(checkpoints), tuple(questions), head_of(probe), settings)
    results = current().run(work, plans, lambda done: progress("fit", done, len(plans)))
    return _by_checkpoint(plans, results, len(checkpoints), questions)


@dataclass(frozen=True)
class _Fitting:
    """Trains stacks of probes, each in one thread; it is the `Work` of an engine.

    Attributes:
        checkpoints: the states of each.
        questions: the tasks and their instances.
        head: the kind of probe.
        settings: how probes are trained.
    """

    checkpoints: tuple[Vectors, ...]
    questions: tuple[Question, ...]
    head: Head
    settings: FitSettings
    one_thread: bool = True

    def run(self, jobs: Sequence[StackPlan], report: Report) -> list[list[Fitted]]:
        """The probes of each stack, by question."""
        trainings = []
        for plan in jobs:
            begin = partial(
                Training,
                self.checkpoints[plan.checkpoint],
                [self.questions[t] for t in plan.questions],
                self.head,
                plan.views,
                plan.seeds,
                self.settings,
            )
            trainings.append(partial(_trained, begin))
        return at_once(self.settings.where(), trainings, report)


def _trained(begin: Callable[[], Training], progress: Callable[[float], None]) -> list[Fitted]:
    """The result of a training that begins in the worker, since it reads states."""
    return begin().run(progress)


def _by_checkpoint(
    plans: Sequence[StackPlan],
    results: Sequence[list[Fitted]],
    n_checkpoints: int,
    questions: Sequence[Question],
) -> list[list[Fitted]]:
    """The probes of each checkpoint and task, from those of each stack."""
    found: list[list[list[Fitted]]] = []
    for _ in range(n_checkpoints):
        found.append([[] for _ in questions])
    for plan, of_plan in zip(plans, results, strict=True):
        for t, fitted in zip(plan.questions, of_plan, strict=True):
            # An engine may have sent a copy of the question.
            found[plan.checkpoint][t].append(replace(fitted, question=questions[t]))
    by_checkpoint = []
    for of_checkpoint in found:
        by_checkpoint.append([joined(of_task) for of_task in of_checkpoint])
    return by_checkpoint


def predict(fitted: Sequence[Fitted], states: Vectors, split: Split) -> list[np.ndarray]:
    """What trained probes of single layers predict from other vectors of the same words.

    `fitted` are the probes of all tasks that were fitted together. The probe of layer k reads layer
    k of `states`.

    Returns `(layers, seeds, n)` labels for each task.
    """
    runs = Runs(states, split, [one.question.splits[split] for one in fitted])
    with workers(fitted[0].stacks[0][1].scaling.mean.device) as pool:
        parts = list(pool.map(lambda group: evaluate(group[1], runs, group[0]), fitted[0].stacks))
    found = []
    for of_task in zip(*parts, strict=True):
        found.append(np.concatenate([evaluated.predictions for evaluated in of_task]))
    return found
