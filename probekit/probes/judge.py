"""Judge: what probes say of a split, and how far they are off."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch.nn.functional import cross_entropy

from probekit.probes.batches import Runs
from probekit.probes.heads import Heads
from probekit.tasks.instances import UNSEEN

JUDGED_WORDS = 1_536  # a batch


@torch.no_grad()
def judge(heads: Heads, runs: Runs, layers: Sequence[int]) -> tuple[np.ndarray, list[np.ndarray]]:
    """Mean loss in nats `(tasks, layers, seeds)` over a split, and each task's predictions `(layers, seeds, n)`.

    `layers` are those of `runs.states` that the heads' layers read, one for one.
    """
    n_tasks, device = len(heads.tasks), heads.scaling.mean.device
    total = np.zeros((n_tasks, len(layers), len(heads.seeds)))
    found: list[list[np.ndarray]] = [[] for _ in range(n_tasks)]
    for batch in runs.batches(JUDGED_WORDS, layers, device):
        for t, (logits, labels) in enumerate(zip(heads(batch), batch.labels, strict=True)):
            found[t].append(logits.argmax(-1).permute(0, 2, 1).cpu().numpy())
            seen = labels != UNSEEN
            if seen.any():
                total[t] += (losses(logits[:, seen], labels[seen]) * seen.sum()).cpu().numpy()
    known = [(instances.labels != UNSEEN).sum() for instances in runs.instances]
    return total / np.maximum(known, 1)[:, None, None], [np.concatenate(parts, axis=2) for parts in found]


def losses(logits: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    """Mean cross-entropy of each probe: `(layers, seeds)` from `(layers, n, seeds, classes)` and `(n,)`."""
    layers, n, seeds, classes = logits.shape
    target = labels[None, :, None].expand(layers, n, seeds).reshape(-1)
    each = cross_entropy(logits.reshape(-1, classes), target, reduction="none")
    return each.view(layers, n, seeds).mean(1)
