"""Lost words: instances with a word that a checkpoint has no vector for are left out of all."""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Sized
from dataclasses import replace

import numpy as np

from probekit.corpora.passage import SPLITS, Split
from probekit.errors import TaskError
from probekit.states.states import States
from probekit.tasks.question import Instances, Question
from probekit.tasks.trees import TreeQuestion, Trees


def common_questions(
    questions: Sequence[Question], checkpoints: Sequence[States], warnings: list[str]
) -> list[Question]:
    """The questions with the instances that all checkpoints can answer.

    A warning says how many others there are. Raises TaskError where a split has none left.
    """
    shared = []
    for question in questions:
        common, dropped = common_instances(question, checkpoints)
        shared.append(common)
        if dropped:
            warnings.append(
                f"{question.task.name}: {dropped:,} instances are left out: "
                "a checkpoint has no subword for one of their words"
            )
    return shared


def common_trees(
    questions: Sequence[TreeQuestion], checkpoints: Sequence[States], warnings: list[str]
) -> list[TreeQuestion]:
    """Likewise the structural questions, with the sentences all of whose words have a subword."""
    shared = []
    for question in questions:
        splits: dict[Split, Trees] = {}
        for split, trees in question.splits.items():
            whole = _are_whole(question.task.name, split, trees.sentences, checkpoints)
            splits[split] = trees if whole.all() else trees.take(whole)
        dropped = _dropped(question.splits, splits)
        shared.append(replace(question, splits=splits))
        if dropped:
            warnings.append(
                f"{question.task.name}: {dropped:,} sentences are left out: "
                "a checkpoint has no subword for one of their words"
            )
    return shared


def common_instances(question: Question, checkpoints: Sequence[States]) -> tuple[Question, int]:
    """The instances all of whose words have a subword in every checkpoint.

    Returns them, and how many were left out. Raises TaskError where a split has none left.
    """
    splits: dict[Split, Instances] = {}
    for split in SPLITS:
        instances = question.splits[split]
        splits[split] = instances.take(
            _are_whole(question.task.name, split, instances, checkpoints)
        )
    dropped = _dropped(question.splits, splits)
    if not dropped:
        return question, 0
    return replace(question, splits=splits), dropped


def _are_whole(
    task: str, split: Split, instances: Instances, checkpoints: Sequence[States]
) -> np.ndarray:
    """Which instances have words in all checkpoints, `(n,)`; TaskError where none has."""
    without: set[int] = set()
    for states in checkpoints:
        without.update(states.without_vector[split])
    lost = sorted(without)
    # A span holds a lost word if more of them come before its end than before its start.
    before_start = np.searchsorted(lost, instances.spans[..., 0])
    before_end = np.searchsorted(lost, instances.spans[..., 1])
    whole = np.asarray((before_start == before_end).all(axis=1))
    if not whole.any():
        raise TaskError(
            f"task '{task}': no instance of the {split} split has words in all checkpoints"
        )
    return whole


def _dropped(before: Mapping[Split, Sized], after: Mapping[Split, Sized]) -> int:
    return sum(len(before[split]) - len(after[split]) for split in SPLITS)
