"""Codelength: how many bits the labels take for one who has the vectors and learns as they come.

The online code of Voita and Titov 2020 (section 2.2.2, after Rissanen 1984 and Blier and Ollivier
2018): sentences are shuffled and cut into blocks. The labels of the first block are sent with a
uniform code, those of every other block with a probe trained on the blocks before it. A good score
and the effort to reach it both count.

A block's probe begins with the weights of the one before it. It has seen the labels of the blocks
before its own, and those of dev, and no others.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import pairwise
from typing import Any

import numpy as np

from probekit.corpora.passage import Split
from probekit.engine.current import current
from probekit.errors import TaskError
from probekit.probes.answers import AnyQuestion
from probekit.probes.evaluate import NATS_IN_A_BIT, Evaluated, task_scores
from probekit.probes.fit_settings import FitSettings
from probekit.probes.heads import head_of
from probekit.probes.online import Online, Step
from probekit.probes.stack_plan import StackPlan, stack_plans
from probekit.probes.view import View, single_layers
from probekit.progress import Progress, silent
from probekit.states.part import Taken
from probekit.states.part import part_of as vectors_of
from probekit.states.vectors import Vectors
from probekit.tasks.part import part_of as question_of
from probekit.tasks.question import Question

SHARES = (0.001, 0.002, 0.004, 0.008, 0.016, 0.032, 0.0625, 0.125, 0.25, 0.5, 1.0)
"""Where blocks end, as shares of the training sentences: those of Voita and Titov 2020."""
LEAST_INSTANCES = 100
MOST_DEV = 200  # sentences (documents) that a round is chosen on
SHUFFLE = 0  # seed of the order, one for all probes: codes of different layers are paired


@dataclass(frozen=True)
class Code:
    """The code of one task's training labels, or heads. B blocks after the first.

    Attributes:
        question: the task and its instances.
        head: the kind of probe.
        views: the layers that probes read.
        seeds: the seeds.
        sentences: `(B,)` training sentences (documents) of each block's probe.
        instances: `(B,)` instances of each block.
        first: how many instances the first block has.
        first_bits: of that block, whose code is uniform.
        uniform_bits: of a uniform code of all.
        bits: `(views, seeds, B)` bits of each block.
        scores: `(views, seeds, B)` the task's metric on each block, before it is learned from.
        by_group: `(views, seeds, groups)` bits of each sentence (document) that has an instance, in
            no particular order.
    """

    question: AnyQuestion
    head: str
    views: tuple[View, ...]
    seeds: tuple[int, ...]
    sentences: np.ndarray
    instances: np.ndarray
    first: int
    first_bits: float
    uniform_bits: float
    bits: np.ndarray
    scores: np.ndarray
    by_group: np.ndarray

    @property
    def n(self) -> int:
        """Instances of the training split."""
        return self.first + int(self.instances.sum())

    @property
    def total(self) -> np.ndarray:
        """Bits of the whole code, `(views, seeds)`."""
        return np.asarray(self.first_bits + self.bits.sum(axis=-1))


def codelength(
    states: Vectors,
    questions: Sequence[Question],
    *,
    probe: str = "linear",
    seeds: tuple[int, ...] = (0,),
    settings: FitSettings | None = None,
    views: Sequence[View] | None = None,
    progress: Progress = silent,
) -> list[Code]:
    """The code of every task's training labels, by probes of every view and seed.

    A probe's round is chosen by its loss on dev, never on the block that it codes.

    Args:
        states: the vectors.
        questions: the tasks and their instances.
        probe: the kind of probe.
        seeds: one probe per view for each.
        settings: how probes are trained.
        views: the layers that probes read; by default each layer alone.
        progress: called with the stage, the stacks trained and how many there are.

    Raises:
        TaskError: for a task with fewer than LEAST_INSTANCES training instances.
    """
    require_enough(questions)
    settings = (settings or FitSettings()).for_probabilities()
    views = single_layers(states.layers) if views is None else tuple(views)
    units = Units(states)
    # A task's blocks do not depend on the tasks beside it; nearly all tasks have the same.
    by_ends: dict[tuple[int, ...], list[int]] = {}
    for t, question in enumerate(questions):
        by_ends.setdefault(tuple(ends_of(units, [question])), []).append(t)
    codes: dict[int, Code] = {}
    for number, (ends, places) in enumerate(by_ends.items()):
        asked = [questions[t] for t in places]
        steps = [_step(states, asked, units.taken(*pair)) for pair in pairwise(ends)]
        plans = list(stack_plans(0, states, views, len(asked), seeds, settings))
        work = Online(states, tuple(asked), tuple(steps), head_of(probe), settings)
        report = partial(_report, progress, number * len(plans), len(by_ends) * len(plans))
        results = current().run(work, plans, report)
        labelled = _labelled(plans, results, views, seeds, steps)
        for place, (t, question) in enumerate(zip(places, asked, strict=True)):
            blocks = []
            for begin, step, evaluated in zip(ends, steps, labelled, strict=False):
                blocks.append(_block(begin, step.questions[place], evaluated[place]))
            codes[t] = _code(question, probe, views, seeds, blocks)
    return [codes[t] for t in range(len(questions))]


def _report(progress: Progress, before: int, n: int, done: float) -> None:
    """Tell how many stacks are trained, of all groups of tasks together."""
    progress("codelength", before + done, n)


def joined_codes(parts: Sequence[Code]) -> Code:
    """Codes of the same labels by probes of different views as one."""
    views: tuple[View, ...] = ()
    for part in parts:
        views += part.views
    arrays: dict[str, Any] = {}
    for name in ("bits", "scores", "by_group"):
        arrays[name] = np.concatenate([getattr(part, name) for part in parts])
    return replace(parts[0], views=views, **arrays)


def _step(states: Vectors, questions: Sequence[Question], taken: Mapping[Split, Taken]) -> Step:
    parts = [question_of(question, states.corpus, taken) for question in questions]
    return Step(taken, vectors_of(states, taken), parts)


def _labelled(
    plans: Sequence[StackPlan],
    results: Sequence[list[list[Evaluated]]],
    views: tuple[View, ...],
    seeds: tuple[int, ...],
    steps: Sequence[Step],
) -> list[list[Evaluated]]:
    """What all probes make of the block of each step, for each task."""
    found: list[list[Evaluated]] = []
    for step in steps:
        of_step = []
        for question in step.questions:
            shape = (len(views), len(seeds), len(question.splits["test"]))
            of_step.append(Evaluated(np.empty(shape, np.float32), np.empty(shape, np.int64)))
        found.append(of_step)
    for plan, result in zip(plans, results, strict=True):
        rows = [views.index(view) for view in plan.views]
        cells = np.ix_(rows, [seeds.index(seed) for seed in plan.seeds])
        for of_step, evaluated in zip(found, result, strict=True):
            for t, of_task in zip(plan.questions, evaluated, strict=True):
                of_step[t].losses[cells] = of_task.losses
                of_step[t].predictions[cells] = of_task.predictions
    return found


def require_enough(questions: Sequence[Question]) -> None:
    """Raise TaskError for a task with fewer than LEAST_INSTANCES training instances."""
    for question in questions:
        n = len(question.splits["train"])
        if n < LEAST_INSTANCES:
            raise TaskError(
                f"the task '{question.task.name}' has {n} training instances: a codelength needs "
                f"{LEAST_INSTANCES}"
            )


@dataclass(frozen=True)
class _Block:
    """What `Code` has of one block."""

    sentences: int
    instances: int
    bits: np.ndarray
    scores: np.ndarray
    by_group: np.ndarray
    groups: np.ndarray  # the number of each group


def _block(sentences: int, question: Question, evaluated: Evaluated) -> _Block:
    bits = evaluated.losses / NATS_IN_A_BIT
    test = question.splits["test"]
    scores = task_scores(question, "test", evaluated.predictions)
    summed, numbers = by_group(bits, test.groups), np.unique(test.groups)
    return _Block(sentences, len(test), bits.sum(-1), scores, summed, numbers)


def _code(
    question: Question,
    probe: str,
    views: tuple[View, ...],
    seeds: tuple[int, ...],
    blocks: Sequence[_Block],
) -> Code:
    instances = np.array([block.instances for block in blocks])
    n = len(question.splits["train"])
    first, each = n - int(instances.sum()), math.log2(len(question.classes))
    of_groups = np.concatenate([block.by_group for block in blocks], axis=-1)
    if question.splits["train"].passages is not None:  # a document's sentences are in many blocks
        numbers = np.concatenate([block.groups for block in blocks])
        order = np.argsort(numbers, kind="stable")
        of_groups = by_group(of_groups[..., order], numbers[order])
    return Code(
        question=question,
        head=probe,
        views=views,
        seeds=seeds,
        sentences=np.array([block.sentences for block in blocks]),
        instances=instances,
        first=first,
        first_bits=first * each,
        uniform_bits=n * each,
        bits=np.stack([block.bits for block in blocks], axis=-1),
        scores=np.stack([block.scores for block in blocks], axis=-1),
        by_group=of_groups,
    )


def by_group(bits: np.ndarray, groups: np.ndarray) -> np.ndarray:
    """The bits `(views, seeds, n)` of each group, `(views, seeds, groups)`."""
    starts = np.flatnonzero(np.diff(groups, prepend=-1))
    return np.add.reduceat(bits, starts, axis=-1)


class Units:
    """Shuffled sentences of the training split, or documents where these are read."""

    def __init__(self, states: Vectors) -> None:
        corpus = states.corpus
        self._numbers: dict[Split, np.ndarray] = {}  # the unit of each passage
        for split in ("train", "dev"):
            passages = corpus.splits[split]
            self._numbers[split] = np.arange(len(passages))
            if states.context == "document":
                self._numbers[split] = passages.document_numbers()
        n = int(self._numbers["train"][-1]) + 1
        self.order = np.random.default_rng(SHUFFLE).permutation(n)
        self.n_dev = int(self._numbers["dev"][-1]) + 1

    def __len__(self) -> int:
        return len(self.order)

    def taken(self, begin: int, end: int) -> dict[Split, Taken]:
        """Training on the units before `begin`, a choice on dev, and the block up to `end`."""
        n_dev = min(self.n_dev, MOST_DEV)
        spread = np.linspace(0, self.n_dev - 1, n_dev).round().astype(np.int64)
        return {
            "train": Taken("train", self._passages("train", self.order[:begin])),
            "dev": Taken("dev", self._passages("dev", spread)),
            "test": Taken("train", self._passages("train", self.order[begin:end])),
        }

    def _passages(self, split: Split, units: np.ndarray) -> np.ndarray:
        return np.flatnonzero(np.isin(self._numbers[split], units))


def ends_of(units: Units, questions: Sequence[AnyQuestion]) -> list[int]:
    """Where blocks end, in units.

    Each block has an instance of every task: one that would not is coded together with the next.
    """
    counts = np.stack([_counts(question, len(units)) for question in questions])
    so_far = np.cumsum(counts[:, units.order], axis=1)
    ends: list[int] = []
    for share in SHARES:
        end = max(1, round(share * len(units)))
        before = so_far[:, ends[-1] - 1] if ends else 0
        if (so_far[:, end - 1] > before).all():
            ends.append(end)
    if ends[-1] != len(units):
        ends[-1] = len(units)
    return ends


def _counts(question: AnyQuestion, n_units: int) -> np.ndarray:
    """Training instances of each unit, `(units,)`."""
    return np.bincount(question.splits["train"].read, minlength=n_units)
