"""Instance vectors: what linear probes read of a task's training instances, at one layer."""

from __future__ import annotations

import numpy as np
import torch

from probekit.probes.batches import Runs
from probekit.probes.pooling import slots, take
from probekit.states.vectors import Vectors
from probekit.tasks.question import Question

BATCH_WORDS = 4_096
CPU = torch.device("cpu")


def instance_vectors(states: Vectors, question: Question, layer: int) -> list[np.ndarray]:
    """The vectors of training instances, `(n, dim)` in float32: one array for each part of an
    instance, such as the two spans of a pair."""
    parts = slots(question.task)
    found: list[list[np.ndarray]] = [[] for _ in parts]
    runs = Runs(states, "train", [question.splits["train"]])
    for batch in runs.batches(BATCH_WORDS, [layer], CPU):
        for values, slot in zip(found, parts, strict=True):
            values.append(take(batch.states, batch.spans[0], slot)[0].numpy())
    return [np.concatenate(values) for values in found]
