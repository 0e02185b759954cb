"""Perceptrons with one hidden layer, trained until their learning rate is zero: the referees of MLP
probes."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import NamedTuple

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


class Perceptrons(NamedTuple):
    """Parameters of one perceptron for each C of the grid.

    Attributes:
        hidden: weights `(cs, width, hidden)`.
        hidden_bias: `(cs, 1, hidden)`.
        output: weights `(cs, hidden, classes)`.
        output_bias: `(cs, 1, classes)`.
    """

    hidden: torch.Tensor
    hidden_bias: torch.Tensor
    output: torch.Tensor
    output_bias: torch.Tensor

    def logits(self, x: torch.Tensor) -> torch.Tensor:
        """Of vectors `(n, width)`: `(cs, n, classes)`."""
        inputs = x.expand(len(self.hidden), *x.shape)
        hidden = torch.baddbmm(self.hidden_bias, inputs, self.hidden).relu()
        return torch.baddbmm(self.output_bias, hidden, self.output)


def answers(
    x: Mapping[Split, torch.Tensor], labels: np.ndarray, n_classes: int
) -> Iterator[Answer]:
    """Of perceptrons with ever larger C, each from the same initial weights.

    Args:
        x: standardised vectors `(n, width)` of every split.
        labels: `(n_train,)`.
        n_classes: how many there are.
    """
    perceptrons = trained(x["train"], torch.from_numpy(labels).to(x["train"].device), n_classes)
    with torch.no_grad():
        dev, test = perceptrons.logits(x["dev"]), perceptrons.logits(x["test"])
    for number, c in enumerate(GRID):
        yield Answer(c, predictions_of({"dev": dev[number], "test": test[number]}))


def trained(x: torch.Tensor, labels: torch.Tensor, n_classes: int) -> Perceptrons:
    """Perceptrons trained by Adam on vectors `(n, width)`, with half the squared weights over `c *
    n` as penalty.

    They share the initial weights and the order of the batches, and no parameter: each is what it
    would be alone.
    """
    perceptrons = _initial(x, n_classes)
    epochs = max(EPOCHS, math.ceil(STEPS * BATCH / len(x)))
    steps = epochs * math.ceil(len(x) / BATCH)
    penalties = 1 / (2 * len(x) * torch.tensor(GRID, device=x.device))
    optimiser = torch.optim.Adam(perceptrons, lr=LEARNING_RATE)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, T_max=steps)
    for _ in range(epochs):
        for rows in torch.randperm(len(x)).to(x.device).split(BATCH):
            optimiser.zero_grad()
            logits = perceptrons.logits(x[rows])
            target = labels[rows].expand(len(GRID), -1)
            each = cross_entropy(logits.flatten(0, 1), target.flatten(), reduction="none")
            squares = sum(values.square().sum(dim=(1, 2)) for values in perceptrons)
            (each.view(len(GRID), -1).mean(dim=1) + penalties * squares).sum().backward()
            optimiser.step()
            schedule.step()
    return perceptrons


def _initial(x: torch.Tensor, n_classes: int) -> Perceptrons:
    torch.manual_seed(0)
    hidden, output = torch.nn.Linear(x.shape[1], HIDDEN), torch.nn.Linear(HIDDEN, n_classes)
    one = (hidden.weight.T, hidden.bias[None], output.weight.T, output.bias[None])
    copies = (
        values.detach().to(x.device).repeat(len(GRID), 1, 1).requires_grad_() for values in one
    )
    return Perceptrons(*copies)
