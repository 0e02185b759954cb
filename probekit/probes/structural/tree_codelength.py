"""Tree codelength: how many bits the heads of words take, in the online code of `codelength`.

A head is one of the n words of its sentence (the root is its own head), so a uniform code takes
log2 n bits per word. Blocks, their order and the choice on dev are those of the code of labels; a
block's probe is trained from the start on all the blocks before it.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

import numpy as np

from probekit.errors import TaskError
from probekit.probes.codelength import LEAST_INSTANCES, Code, Units, by_group, ends_of
from probekit.probes.evaluate import NATS_IN_A_BIT
from probekit.probes.fit_settings import FitSettings
from probekit.probes.structural.fitted_trees import FittedTrees, grouped
from probekit.probes.structural.tree_fit import fit_trees, losses
from probekit.probes.view import single_layers
from probekit.progress import Progress, silent
from probekit.states.part import part_of
from probekit.states.vectors import Vectors
from probekit.stats.tree_metrics import TREE_METRICS
from probekit.tasks.part import part_of_trees
from probekit.tasks.trees import TreeQuestion, Trees


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
    for pair in pairwise(ends):
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
            progress=progress,
        )
        for of_question, fitted, nats in zip(blocks, fits, losses(fits, vectors), strict=True):
            of_question.append(_block(fitted, nats))
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
