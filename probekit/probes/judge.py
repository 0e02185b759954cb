"""Judge: what probes say of a split, and how far they are off."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch

from probekit.probes.batches import Runs
from probekit.probes.stack import Stack
from probekit.tasks.instances import UNSEEN

JUDGED_WORDS = 1_536  # a batch


@torch.no_grad()
def judge(stack: Stack, runs: Runs, layers: Sequence[int]) -> tuple[np.ndarray, list[np.ndarray]]:
    """Mean loss in nats `(tasks, layers, seeds)` over a split, and each task's predictions `(layers, seeds, n)`.

    `layers` are those of `runs.states` that the stack's layers read, one for one.
    """
    n_tasks, device = len(stack.tasks), stack.scaling.mean.device
    total = np.zeros((n_tasks, len(layers), len(stack.seeds)))
    found: list[list[np.ndarray]] = [[] for _ in range(n_tasks)]
    for batch in runs.batches(JUDGED_WORDS, layers, device):
        for t, (output, labels) in enumerate(zip(stack(batch), batch.labels, strict=True)):
            found[t].append(stack.head.predict(output).permute(0, 2, 1).cpu().numpy())
            seen = labels != UNSEEN
            if seen.any():
                total[t] += (stack.head.loss(output[:, seen], labels[seen]) * seen.sum()).cpu().numpy()
    known = [(instances.labels != UNSEEN).sum() for instances in runs.instances]
    return total / np.maximum(known, 1)[:, None, None], [np.concatenate(parts, axis=2) for parts in found]
