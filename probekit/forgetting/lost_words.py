"""Lost words: instances with a word that a checkpoint has no vector for are left out of all."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from probekit.corpora.passage import SPLITS, Split
from probekit.errors import TaskError
from probekit.states.states import States
from probekit.tasks.question import Instances, Question


def common_instances(question: Question, checkpoints: Sequence[States]) -> tuple[Question, int]:
    """The instances all of whose words have a subword in every checkpoint.

    Returns them, and how many were left out. Raises TaskError where a split has none left.
    """
    splits: dict[Split, Instances] = {}
    for split in SPLITS:
        lost = sorted({word for states in checkpoints for word in states.without_vector[split]})
        instances = question.splits[split]
        # A span holds a lost word if more of them come before its end than before its start.
        before_start = np.searchsorted(lost, instances.spans[..., 0])
        before_end = np.searchsorted(lost, instances.spans[..., 1])
        whole = (before_start == before_end).all(axis=1)
        if not whole.any():
            raise TaskError(
                f"task '{question.task.name}': no instance of the {split} split has words in all "
                "checkpoints"
            )
        splits[split] = replace(
            instances,
            spans=instances.spans[whole],
            labels=instances.labels[whole],
            groups=instances.groups[whole],
            gold=instances.gold.take(whole),
        )
    dropped = sum(len(question.splits[split]) - len(splits[split]) for split in SPLITS)
    return (replace(question, splits=splits), dropped) if dropped else (question, 0)
