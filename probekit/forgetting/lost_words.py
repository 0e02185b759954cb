"""Lost words: what one of the checkpoints has no vector for is asked of neither."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from probekit.corpora.passage import SPLITS, Split
from probekit.errors import TaskError
from probekit.states.states import States
from probekit.tasks.question import Instances, Question


def common(question: Question, checkpoints: Sequence[States]) -> tuple[Question, int]:
    """The instances all of whose words have a subword in every checkpoint, and how many others there
    were.

    Raises TaskError where a split has none left.
    """
    splits: dict[Split, Instances] = {}
    for split in SPLITS:
        lost = sorted({word for states in checkpoints for word in states.without_vector[split]})
        instances = question.splits[split]
        # A span holds a lost word where more of them stand before its end than before its start.
        whole = np.searchsorted(lost, instances.spans[..., 0]) == np.searchsorted(
            lost, instances.spans[..., 1]
        )
        kept = whole.all(axis=1)
        if not kept.any():
            raise TaskError(
                f"task '{question.task.name}': no instance of the {split} split has words in all checkpoints"
            )
        splits[split] = replace(
            instances,
            spans=instances.spans[kept],
            labels=instances.labels[kept],
            groups=instances.groups[kept],
        )
    dropped = sum(len(question.splits[split]) - len(splits[split]) for split in SPLITS)
    return (replace(question, splits=splits), dropped) if dropped else (question, 0)
