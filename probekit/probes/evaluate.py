"""Evaluate: what trained probes predict for a split, and how good that is."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch

from probekit.corpora.passage import Split
from probekit.probes.batches import Runs
from probekit.probes.stack import Stack
from probekit.stats.metrics import METRICS
from probekit.tasks.question import UNSEEN, Question

BATCH_WORDS = 1_536
NATS_IN_A_BIT = math.log(2)


class Evaluated(NamedTuple):
    """What probes make of one task's instances in a split.

    Attributes:
        losses: `(views, seeds, n)` cross-entropy in nats; missing (NaN) where training lacks the
            label.
        predictions: `(views, seeds, n)` labels, as indices of the classes.
    """

    losses: np.ndarray
    predictions: np.ndarray

    def mean_loss(self) -> np.ndarray:
        """Over the instances whose label training has, `(views, seeds)`; 0 without any."""
        known = np.isfinite(self.losses).any(axis=(0, 1))
        return self.losses[..., known].sum(axis=-1, dtype=np.float64) / max(known.sum(), 1)


@torch.no_grad()
def evaluate(
    stack: Stack,
    runs: Runs,
    layers: Sequence[int],
    factors: Sequence[torch.Tensor] | None = None,
) -> list[Evaluated]:
    """What trained probes make of a split, for each task.

    Args:
        stack: trained probes.
        runs: the split.
        layers: of `runs.states`, those that the stack reads, in its order.
        factors: for each task, what the logits of each probe are multiplied by for its losses,
            `(views, seeds)`.
    """
    device = stack.scaling.mean.device
    losses: list[list[torch.Tensor]] = [[] for _ in stack.tasks]
    predictions: list[list[torch.Tensor]] = [[] for _ in stack.tasks]
    for batch in runs.batches(BATCH_WORDS, layers, device):
        for t, (output, labels) in enumerate(zip(stack(batch), batch.labels, strict=True)):
            predictions[t].append(stack.head.predict(output))
            scaled = output if factors is None else output * factors[t][:, None, :, None]
            loss = stack.head.loss(scaled, labels.clamp_min(0))
            losses[t].append(loss.masked_fill((labels == UNSEEN)[:, None], torch.nan))
    found = []
    for of_task, predicted in zip(losses, predictions, strict=True):
        found.append(Evaluated(_instances_last(of_task), _instances_last(predicted)))
    return found


def _instances_last(batches: Sequence[torch.Tensor]) -> np.ndarray:
    """What was found of all batches, `(views, n, seeds)` each, as `(views, seeds, n)`."""
    # Leaves a GPU once, when everything is computed.
    return torch.cat(list(batches), dim=1).permute(0, 2, 1).contiguous().cpu().numpy()


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
