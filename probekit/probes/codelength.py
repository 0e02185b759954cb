"""Codelength: how many bits the labels take for one who has the vectors and learns as they come.

The online code of Voita and Titov 2020 (section 2.2.2, after Rissanen 1984 and Blier and Ollivier
2018): sentences are shuffled and cut into blocks. The labels of the first block are sent with a
uniform code, those of every other block with a probe trained on the blocks before it. A good score
and the effort to reach it both count.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

import numpy as np

from probekit.corpora.passage import Split
from probekit.errors import TaskError
from probekit.probes.evaluate import NATS_IN_A_BIT, task_scores
from probekit.probes.fit import fit
from probekit.probes.fit_settings import FitSettings
from probekit.probes.view import View, single_layers
from probekit.progress import Progress, silent
from probekit.states.part import Taken
from probekit.states.part import part_of as vectors_of
from probekit.states.vectors import Vectors
from probekit.tasks.part import part_of as question_of
from probekit.tasks.question import Instances, Question

SHARES = (0.001, 0.002, 0.004, 0.008, 0.016, 0.032, 0.0625, 0.125, 0.25, 0.5, 1.0)
"""Where blocks end, as shares of the training sentences: those of Voita and Titov 2020."""
LEAST_INSTANCES = 100
LEAST_DEV = 100  # sentences (documents) that a round is chosen on, or all
SHUFFLE = 0  # seed of the order, one for all probes: codes of different layers are paired


@dataclass(frozen=True)
class Code:
    """The code of one task's training labels. B blocks after the first.

    Attributes:
        question: the task and its instances.
        head: the kind of probe.
        views: the layers that probes read.
        seeds: the seeds.
        sentences: `(B,)` training sentences (documents) of each block's probe.
        instances: `(B,)` instances of each block.
        first: how many instances the first block has.
        bits: `(views, seeds, B)` bits of each block.
        scores: `(views, seeds, B)` the task's metric on each block, before it is learned from.
        by_group: `(views, seeds, groups)` bits of each sentence (document) that has an instance, in
            no particular order.
    """

    question: Question
    head: str
    views: tuple[View, ...]
    seeds: tuple[int, ...]
    sentences: np.ndarray
    instances: np.ndarray
    first: int
    bits: np.ndarray
    scores: np.ndarray
    by_group: np.ndarray

    @property
    def n(self) -> int:
        """Instances of the training split."""
        return self.first + int(self.instances.sum())

    @property
    def uniform_bits(self) -> float:
        """Bits of a uniform code."""
        return self.n * math.log2(len(self.question.classes))

    @property
    def first_bits(self) -> float:
        """Bits of the first block, whose code is uniform."""
        return self.first * math.log2(len(self.question.classes))

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
        progress: called with the stage, the blocks done and how many there are.

    Raises:
        TaskError: for a task with fewer than LEAST_INSTANCES training instances.
    """
    require_enough(questions)
    settings = (settings or FitSettings()).for_probabilities()
    views = single_layers(states.layers) if views is None else tuple(views)
    units = _Units(states, questions)
    ends = _ends(units, questions)
    blocks: list[list[_Block]] = [[] for _ in questions]
    for number, (begin, end) in enumerate(pairwise(ends)):
        progress("codelength", number, len(ends) - 1)
        taken = units.taken(begin, end)
        part = vectors_of(states, taken)
        parts = [question_of(question, states.corpus, taken) for question in questions]
        fits = fit(part, parts, probe=probe, seeds=seeds, settings=settings, views=views)
        for of_task, fitted in zip(blocks, fits, strict=True):
            bits = fitted.losses / NATS_IN_A_BIT
            test = fitted.question.splits["test"]
            scores = task_scores(fitted.question, "test", fitted.predictions)
            of_task.append(_Block(begin, len(test), bits.sum(-1), scores, _by_group(bits, test)))
    progress("codelength", len(ends) - 1, len(ends) - 1)
    codes = []
    for question, of_task in zip(questions, blocks, strict=True):
        codes.append(_code(question, probe, views, seeds, of_task))
    return codes


def joined_codes(parts: Sequence[Code]) -> Code:
    """Codes of the same labels by probes of different views as one."""
    views: tuple[View, ...] = ()
    for part in parts:
        views += part.views
    arrays: dict[str, Any] = {}
    for name in ("bits", "scores", "by_group"):
        arrays[name] = np.concatenate([getattr(part, name) for part in parts])
    return replace(parts[0], views=views, **arrays)


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


def _code(
    question: Question,
    probe: str,
    views: tuple[View, ...],
    seeds: tuple[int, ...],
    blocks: Sequence[_Block],
) -> Code:
    instances = np.array([block.instances for block in blocks])
    return Code(
        question=question,
        head=probe,
        views=views,
        seeds=seeds,
        sentences=np.array([block.sentences for block in blocks]),
        instances=instances,
        first=len(question.splits["train"]) - int(instances.sum()),
        bits=np.stack([block.bits for block in blocks], axis=-1),
        scores=np.stack([block.scores for block in blocks], axis=-1),
        by_group=np.concatenate([block.by_group for block in blocks], axis=-1),
    )


def _by_group(bits: np.ndarray, instances: Instances) -> np.ndarray:
    """The bits `(views, seeds, n)` of each group, `(views, seeds, groups)`."""
    starts = np.flatnonzero(np.diff(instances.groups, prepend=-1))
    return np.add.reduceat(bits, starts, axis=-1)


class _Units:
    """Shuffled sentences of the training split, or documents where these are read."""

    def __init__(self, states: Vectors, questions: Sequence[Question]) -> None:
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
        n_dev = min(self.n_dev, max(LEAST_DEV, begin))
        spread = np.linspace(0, self.n_dev - 1, n_dev).round().astype(np.int64)
        return {
            "train": Taken("train", self._passages("train", self.order[:begin])),
            "dev": Taken("dev", self._passages("dev", spread)),
            "test": Taken("train", self._passages("train", self.order[begin:end])),
        }

    def _passages(self, split: Split, units: np.ndarray) -> np.ndarray:
        return np.flatnonzero(np.isin(self._numbers[split], units))


def _ends(units: _Units, questions: Sequence[Question]) -> list[int]:
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


def _counts(question: Question, n_units: int) -> np.ndarray:
    """Training instances of each unit, `(units,)`."""
    return np.bincount(question.splits["train"].groups, minlength=n_units)
