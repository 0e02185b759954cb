"""Fitting: probes of all layers, seeds and tasks at once, one pass over the states per epoch."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
import torch

from probekit.corpora.passage import Split
from probekit.engine.current import current
from probekit.engine.engine import Report
from probekit.engine.workers import at_once, workers
from probekit.probes.batches import Runs
from probekit.probes.evaluate import evaluate
from probekit.probes.fit_settings import DEFAULT, FitSettings
from probekit.probes.fitted import Fitted, joined
from probekit.probes.heads import Head, head_of
from probekit.probes.training import Training
from probekit.probes.view import View, single_layers
from probekit.progress import Progress, silent
from probekit.states.sweep import Held
from probekit.states.vectors import Vectors
from probekit.tasks.question import Question

GROUP_BYTES = 1 << 27  # most that a batch and axes of the layers fitted together may take


@dataclass(frozen=True)
class _Part:
    """What one stack holds: all its probes are trained in the same passes over the states.

    Attributes:
        checkpoint: its number.
        views: the layers that probes read, all combined in one way.
        questions: numbers of the questions.
        seeds: the seeds.
    """

    checkpoint: int
    views: tuple[View, ...]
    questions: tuple[int, ...]
    seeds: tuple[int, ...]


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
    parts: list[_Part] = []
    for i, states in enumerate(checkpoints):
        wanted = single_layers(states.layers) if views is None else tuple(views)
        parts += _parts(i, states, wanted, len(questions), seeds, settings)
    work = _Fitting(tuple(checkpoints), tuple(questions), head_of(probe), settings)
    results = current().run(work, parts, lambda done: progress("fit", done, len(parts)))
    return _by_checkpoint(parts, results, len(checkpoints), questions)


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

    def run(self, jobs: Sequence[_Part], report: Report) -> list[list[Fitted]]:
        """The probes of each stack, by question."""
        trainings = []
        for part in jobs:
            begin = partial(
                Training,
                self.checkpoints[part.checkpoint],
                [self.questions[t] for t in part.questions],
                self.head,
                part.views,
                part.seeds,
                self.settings,
            )
            trainings.append(partial(_trained, begin))
        return at_once(torch.device(self.settings.device), trainings, report)


def _parts(
    checkpoint: int,
    states: Vectors,
    views: tuple[View, ...],
    n_questions: int,
    seeds: tuple[int, ...],
    settings: FitSettings,
) -> Iterator[_Part]:
    """The stacks of one checkpoint.

    Probes of single layers share the words they read. A mix is learned for one task and one seed,
    so nothing is shared between these.
    """
    everything = tuple(range(n_questions))
    singles = tuple(view for view in views if view.combine == "single")
    for run in _runs(singles, states, settings):
        yield _Part(checkpoint, run, everything, seeds)
    mixes = tuple(view for view in views if view.combine == "mix")
    for run in _runs(mixes, states, settings):
        for t in everything:
            for seed in seeds:
                yield _Part(checkpoint, run, (t,), (seed,))


def _runs(
    views: tuple[View, ...], states: Vectors, settings: FitSettings
) -> Iterator[tuple[View, ...]]:
    """Runs of views that are fitted together: one per thread, or more where batches are large.

    The two or three layers that a sweep has in memory are one run, since each run has a cost of its
    own at every step; other threads compute the next layer meanwhile.
    """
    if not views:
        return
    # A batch and the axes of two kinds in single precision, two covariances in double.
    bytes_each = 4 * states.dim * (settings.batch_words + 2 * states.dim) + 2 * 8 * states.dim**2
    most = max(1, GROUP_BYTES // bytes_each)
    wanted = 1 if isinstance(states, Held) else current().width(torch.device(settings.device))
    n = max(-(-len(views) // most), min(wanted, len(views)))
    for places in np.array_split(np.arange(len(views)), n):
        yield tuple(views[place] for place in places.tolist())


def _trained(begin: Callable[[], Training], progress: Callable[[float], None]) -> list[Fitted]:
    """The result of a training that begins in the worker, since it reads states."""
    return begin().run(progress)


def _by_checkpoint(
    parts: Sequence[_Part],
    results: Sequence[list[Fitted]],
    n_checkpoints: int,
    questions: Sequence[Question],
) -> list[list[Fitted]]:
    """The probes of each checkpoint and task, from those of each stack."""
    found: list[list[list[Fitted]]] = []
    for _ in range(n_checkpoints):
        found.append([[] for _ in questions])
    for part, of_part in zip(parts, results, strict=True):
        for t, fitted in zip(part.questions, of_part, strict=True):
            # An engine may have sent a copy of the question.
            found[part.checkpoint][t].append(replace(fitted, question=questions[t]))
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
