"""Moments of the vectors of a task's training instances at a layer, with several labels."""

from __future__ import annotations

import numpy as np
import torch

from probekit.errors import ModelError
from probekit.probes.batches import Runs
from probekit.probes.pooling import slots, take
from probekit.states.vectors import Vectors
from probekit.tasks.question import Question
from probekit.usage.eraser import Moments

BATCH_WORDS = 4_096
CPU = torch.device("cpu")


def moments(states: Vectors, question: Question, targets: np.ndarray, layer: int) -> Moments:
    """The moments of training instances at a layer.

    The vectors are those that a linear probe reads. Where it reads several of an instance (the
    first and the last word of a span, the two spans of a pair), each counts as a vector, and covary
    with the targets separately: there are as many columns for each.

    Args:
        states: of the words.
        question: the task and its instances; not one whose probes read products.
        targets: numbers for each training instance, `(n, targets)`.
        layer: the one that is read.

    Returns moments with `slots × targets` labels. Raises ModelError where states are not finite.
    """
    parts = slots(question.task)
    centred = torch.from_numpy(targets - targets.mean(axis=0))
    n_targets = centred.shape[1]
    total = torch.zeros(states.dim, dtype=torch.float64)
    square = torch.zeros(states.dim, states.dim, dtype=torch.float64)
    cross = torch.zeros(states.dim, len(parts) * n_targets, dtype=torch.float64)
    n = begin = 0
    runs = Runs(states, "train", [question.splits["train"]])
    for batch in runs.batches(BATCH_WORDS, [layer], CPU):
        (spans,) = batch.spans
        labels = centred[begin : begin + len(spans)]
        begin += len(spans)
        for number, slot in enumerate(parts):
            values = take(batch.states, spans, slot)[0].double()
            n += len(values)
            total += values.sum(0)
            square.addmm_(values.T, values)
            columns = slice(number * n_targets, (number + 1) * n_targets)
            cross[:, columns].addmm_(values.T, labels)
    if not torch.isfinite(total).all():
        raise ModelError("hidden states are not finite: has training diverged?")
    mean = total / n
    return Moments(mean, square / n - mean.outer(mean), cross / n)
