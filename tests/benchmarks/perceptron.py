"""A perceptron with one hidden layer, trained until its learning rate is zero: the referee of MLP
probes."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping

import numpy as np
import torch
from torch.nn.functional import cross_entropy

from probekit.corpora.passage import Split
from probekit.probes.heads.mlp import HIDDEN
from tests.benchmarks.answers import Answer, predictions_of

GRID = (1e-3, 3e-3, 1e-2, 3e-2, 0.1, 0.3, 1.0, 3.0)
# At least as many of both; three times the steps change the best score by 0.01 points.
EPOCHS, STEPS = 20, 4_000
BATCH = 256  # instances
LEARNING_RATE = 2e-3  # falls to zero along a cosine


def answers(
    x: Mapping[Split, torch.Tensor], labels: np.ndarray, n_classes: int
) -> Iterator[Answer]:
    """Of perceptrons with ever larger C, each from the same initial weights.

    Args:
        x: standardised vectors `(n, width)` of every split.
        labels: `(n_train,)`.
        n_classes: how many there are.
    """
    for c in GRID:
        model = trained(x["train"], torch.from_numpy(labels), n_classes, c)
        with torch.no_grad():
            logits = {split: model(x[split]) for split in ("dev", "test")}
        yield Answer(c, predictions_of(logits))  # type: ignore[arg-type]


def trained(x: torch.Tensor, labels: torch.Tensor, n_classes: int, c: float) -> torch.nn.Module:
    """A perceptron trained by Adam on vectors `(n, width)`, with half the squared weights over `c *
    n` as penalty."""
    torch.manual_seed(0)
    model = torch.nn.Sequential(
        torch.nn.Linear(x.shape[1], HIDDEN), torch.nn.ReLU(), torch.nn.Linear(HIDDEN, n_classes)
    )
    epochs = max(EPOCHS, math.ceil(STEPS * BATCH / len(x)))
    steps = epochs * math.ceil(len(x) / BATCH)
    optimiser = torch.optim.Adam(
        model.parameters(), lr=LEARNING_RATE, weight_decay=1 / (c * len(x))
    )
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, T_max=steps)
    for _ in range(epochs):
        for rows in torch.randperm(len(x)).split(BATCH):
            optimiser.zero_grad()
            cross_entropy(model(x[rows]), labels[rows]).backward()
            optimiser.step()
            schedule.step()
    return model
