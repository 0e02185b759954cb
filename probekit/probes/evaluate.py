"""Evaluate: what trained probes predict for a split, and how good that is."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch

from probekit.corpora.passage import Split
from probekit.probes.batches import Runs
from probekit.probes.stack import Stack
from probekit.stats.metrics import METRICS
from probekit.tasks.question import UNSEEN, Question

BATCH_WORDS = 1_536


@torch.no_grad()
def evaluate(
    stack: Stack, runs: Runs, layers: Sequence[int]
) -> tuple[np.ndarray, list[np.ndarray]]:
    """Mean loss over a split, and predictions.

    Args:
        stack: trained probes.
        runs: the split.
        layers: of `runs.states`, those that the stack reads, in its order.

    Returns the loss in nats, `(tasks, views, seeds)`, and labels `(views, seeds, n)` for each
    task.
    """
    n_tasks, device = len(stack.tasks), stack.scaling.mean.device
    total = np.zeros((n_tasks, stack.n_views, len(stack.seeds)))
    found: list[list[np.ndarray]] = [[] for _ in range(n_tasks)]
    for batch in runs.batches(BATCH_WORDS, layers, device):
        for t, (output, labels) in enumerate(zip(stack(batch), batch.labels, strict=True)):
            found[t].append(stack.head.predict(output).permute(0, 2, 1).cpu().numpy())
            seen = labels != UNSEEN
            if seen.any():
                loss = stack.head.loss(output[:, seen], labels[seen]).mean(1) * seen.sum()
                total[t] += loss.cpu().numpy()
    known = [(instances.labels != UNSEEN).sum() for instances in runs.instances]
    mean_loss = total / np.maximum(known, 1)[:, None, None]
    return mean_loss, [np.concatenate(parts, axis=2) for parts in found]


def task_counts(question: Question, split: Split, predicted: np.ndarray) -> np.ndarray:
    """What the task's metric counts, in each group (see `stats.metrics`).

    Args:
        question: the task and its instances.
        split: that was predicted.
        predicted: `(…, n)` labels, as indices of the classes.

    Returns:
        `(…, groups, k)` counts; `k` means the same for all predictions given at once.
    """
    task, instances = question.task, question.splits[split]
    groups = np.unique(instances.groups, return_inverse=True)[1]
    positive = question.classes.index(task.positive) if task.positive else None
    cells = predicted.reshape(-1, len(instances))
    counts = METRICS[task.metric].counts(cells, instances.labels, groups, positive)
    return counts.reshape(*predicted.shape[:-1], *counts.shape[1:])


def task_scores(question: Question, split: Split, predicted: np.ndarray) -> np.ndarray:
    """Scores `(…)` of predictions `(…, n)` by the task's metric."""
    counts = task_counts(question, split, predicted)
    return METRICS[question.task.metric].score(counts.sum(axis=-2))
