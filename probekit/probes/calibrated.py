"""Calibrated: by what the logits of trained probes are multiplied before they send a code.

A probe of wide vectors that has learned little gives its guesses too much probability: random
labels would cost more than a uniform code. One factor for each probe, chosen on dev, is temperature
scaling (Guo et al. 2017, On Calibration of Modern Neural Networks); the last factor is the uniform
code.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch

from probekit.probes.batches import Runs
from probekit.probes.evaluate import BATCH_WORDS
from probekit.probes.stack import Stack
from probekit.tasks.question import UNSEEN

FACTORS = (1.0, 0.75, 0.5, 0.25, 0.125, 0.0)


@torch.no_grad()
def calibrated(stack: Stack, dev: Runs, layers: Sequence[int]) -> list[torch.Tensor]:
    """For each task the factor of each probe with the least loss on dev, `(views, seeds)`.

    Args:
        stack: trained probes.
        dev: the split on which factors are chosen.
        layers: of `dev.states`, those that the stack reads, in its order.
    """
    device = stack.scaling.mean.device
    shape = (len(FACTORS), len(stack.tasks), stack.n_views, len(stack.seeds))
    losses = torch.zeros(shape, dtype=torch.float64, device=device)
    for batch in dev.batches(BATCH_WORDS, layers, device):
        for t, (output, labels) in enumerate(zip(stack(batch), batch.labels, strict=True)):
            is_known = labels != UNSEEN
            known, of_known = output[:, is_known], labels[is_known]
            for number, factor in enumerate(FACTORS):
                losses[number, t] += stack.head.loss(factor * known, of_known).sum(dim=1)
    best = losses.argmin(dim=0)
    factors = torch.tensor(FACTORS, device=device)[best]
    return list(factors)
