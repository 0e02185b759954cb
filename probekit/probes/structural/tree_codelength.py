"""Tree codelength: how many bits the heads of words take, in the online code of `codelength`.

A head is one of the n words of its sentence (the root is its own head), so a uniform code takes
log2 n bits per word. Blocks, their order and the choice on dev are those of the code of labels; a
block's probe is trained from the start on all the blocks before it. Structural probes have no
penalty: in its place all scores are multiplied by one of FACTORS, chosen on dev, so that a probe
that has learned nothing yet sends a uniform code.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from typing import NamedTuple

import numpy as np
import torch

from probekit.errors import TaskError
from probekit.probes.codelength import LEAST_INSTANCES, Code, Units, by_group, ends_of
from probekit.probes.evaluate import NATS_IN_A_BIT
from probekit.probes.fit_settings import FitSettings
from probekit.probes.structural.fitted_trees import FittedTrees, grouped
from probekit.probes.structural.tree_fit import fit_trees, losses
from probekit.probes.structural.tree_heads import HeadWord
from probekit.probes.view import single_layers
from probekit.progress import Progress, as_part, silent
from probekit.states.part import part_of
from probekit.states.vectors import Vectors
from probekit.stats.tree_metrics import TREE_METRICS
from probekit.tasks.part import part_of_trees
from probekit.tasks.trees import TreeQuestion, Trees

FACTORS = (1.0, 0.5, 0.25, 0.125, 0.0)  # from what was learned to the uniform code


class _Block(NamedTuple):
    """What `Code` has of one block."""

    words: int
    bits: np.ndarray
    scores: np.ndarray
    by_group: np.ndarray


def tree_codelength(
    states: Vectors,
    questions: Sequence[TreeQuestion],
    *,
    probe: str = "linear",
    seeds: tuple[int, ...] = (0,),
    settings: FitSettings | None = None,
    layers: Sequence[int] | None = None,
    progress: Progress = silent,
) -> list[Code]:
    """The code of the training heads of every question; instances are words.

    Args:
        states: the vectors.
        questions: tasks of heads.
        probe: the kind: `linear`, or `rank:8`.
        seeds: one probe per layer for each.
        settings: how probes are trained.
        layers: the layers that are read; None for all.
        progress: called with the stage, the groups of layers trained and how many there are.

    Raises:
        TaskError: for a task with fewer than LEAST_INSTANCES training words.
    """
    require_enough_words(questions)
    settings = settings or FitSettings()
    read = tuple(states.layers if layers is None else layers)
    units = Units(states)
    ends = ends_of(units, questions)
    blocks: list[list[_Block]] = [[] for _ in questions]
    first: list[Trees] = []
    trained = np.cumsum([0, *ends])  # units that the probes of earlier blocks read
    for number, pair in enumerate(pairwise(ends)):
        taken = units.taken(*pair)
        vectors = part_of(states, taken)
        parts = [part_of_trees(question, states.corpus, taken) for question in questions]
        first = first or [part.splits["train"] for part in parts]
        fits = fit_trees(
            vectors,
            parts,
            probe=probe,
            seeds=seeds,
            settings=settings,
            layers=read,
            progress=as_part(
                progress, "codelength", float(trained[number]), pair[0], float(trained[-2])
            ),
        )
        nats = losses(_calibrated(fits, vectors), vectors, "test")
        for of_question, fitted, of_trees in zip(blocks, fits, nats, strict=True):
            of_question.append(_block(fitted, of_trees))
    codes = []
    for question, trees, of_question in zip(questions, first, blocks, strict=True):
        instances = np.array([block.words for block in of_question])
        code = Code(
            question=question,
            head=probe,
            views=single_layers(read),
            seeds=seeds,
            sentences=np.array(ends[:-1]),
            instances=instances,
            first=len(trees.heads),
            first_bits=float(uniform_bits(trees).sum()),
            uniform_bits=float(uniform_bits(question.splits["train"]).sum()),
            bits=np.stack([block.bits for block in of_question], axis=-1),
            scores=np.stack([block.scores for block in of_question], axis=-1),
            by_group=np.concatenate([block.by_group for block in of_question], axis=-1),
        )
        codes.append(code)
    return codes


def _calibrated(fits: Sequence[FittedTrees], vectors: Vectors) -> list[FittedTrees]:
    """The probes of each question with the factor that has the least loss on dev."""
    of_factors = []
    for factor in FACTORS:
        every = [_scaled(one, np.full((len(one.layers), len(one.seeds)), factor)) for one in fits]
        of_factors.append([nats.sum(axis=-1) for nats in losses(every, vectors, "dev")])
    found = []
    for one, of_question in zip(fits, zip(*of_factors, strict=True), strict=True):
        best = np.stack(of_question).argmin(axis=0)
        found.append(_scaled(one, np.array(FACTORS)[best]))
    return found


def _scaled(fitted: FittedTrees, factors: np.ndarray) -> FittedTrees:
    """With scores multiplied by factors `(layers, seeds)`."""
    head = HeadWord(fitted.rank)
    parts = []
    first = 0
    for layers, maps in fitted.maps:
        of_part = torch.from_numpy(factors[first : first + len(layers)]).float()
        parts.append((layers, maps.scaled(head.scale(of_part))))
        first += len(layers)
    return replace(fitted, maps=tuple(parts))


def require_enough_words(questions: Sequence[TreeQuestion]) -> None:
    """Raise TaskError for a task with fewer than LEAST_INSTANCES training words."""
    for question in questions:
        n = len(question.splits["train"].heads)
        if n < LEAST_INSTANCES:
            raise TaskError(
                f"the task '{question.task.name}' has {n} training words: a codelength needs "
                f"{LEAST_INSTANCES}"
            )


def uniform_bits(trees: Trees) -> np.ndarray:
    """Bits of a uniform code of the heads of each tree, `(trees,)`."""
    return np.asarray(trees.lengths * np.log2(trees.lengths))


def _block(fitted: FittedTrees, nats: np.ndarray) -> _Block:
    """The block that the probes coded, from the losses of its trees `(layers, seeds, trees)`."""
    trees, bits = fitted.question.splits["test"], nats / NATS_IN_A_BIT
    metric = TREE_METRICS[fitted.question.task.metric]
    scores = metric.score(grouped(trees, fitted.predictions).sum(axis=2))
    return _Block(len(trees.heads), bits.sum(-1), scores, by_group(bits, trees.groups))
