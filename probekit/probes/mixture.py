"""Mixture: how the layers of a view become one vector per word.

A single layer is read as it is. A scalar mix is an average of layers whose weights are learned with
the probe (Peters et al. 2018, equation 1). Every layer is centred and brought to one size first, so
that the weights say how much is read of a layer, not how large its numbers are.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from probekit.probes.batches import Runs
from probekit.probes.view import View

WORDS = 16_384  # that layers' means and sizes are measured on
# How much faster weights are learned than a probe's other parameters. Adam moves each by about the
# learning rate: by itself it would hardly leave equal weights in the updates of a small corpus.
SPEED = 3
# Rounding makes gradients that are mostly smaller than this; those of layers that differ are mostly
# a hundred times as large. Adam would scale both to full steps, and equal layers would drift apart.
LEAST_GRADIENT = 1e-6


class Single(torch.nn.Module):
    """Each view is one layer, the same for every task.

    Args:
        n_views: how many there are.
        dim: width of a vector.
        device: where the vectors lie.
    """

    def __init__(self, n_views: int, dim: int, device: torch.device) -> None:
        super().__init__()
        self._n = n_views
        self._centre: Tensor
        centre = torch.zeros(n_views, 1, dim, device=device)
        self.register_buffer("_centre", centre, persistent=False)

    @property
    def device(self) -> torch.device:
        """Where words are mixed."""
        return self._centre.device

    def shares(self, task: int) -> Tensor:
        """The share of each layer in each view of a task, `(views, layers)`."""
        return torch.eye(self._n)

    def forward(self, states: Tensor) -> Tensor:
        """Centred words `(views, words, dim)` before training, of the states `(layers, words,
        dim)`."""
        return states

    def words(self, states: Tensor) -> Sequence[Tensor]:
        """Words `(views, words, dim)` of the states `(layers, words, dim)`, of all tasks or of
        each."""
        return [states]

    def centres(self) -> Sequence[Tensor]:
        """What the centre of these words is before they are scaled, `(views, 1, dim)` likewise."""
        return [self._centre]

    def parameters_of(self, task: int, view: int) -> list[Tensor]:
        """What one view of a task has learned."""
        return []


class Mix(torch.nn.Module):
    """Each view is an average of its layers, whose weights each task learns for itself.

    Args:
        views: the views.
        n_tasks: how many tasks there are.
        train: training words at `layers`.
        layers: those read, in the order of the views.
        device: where the vectors lie.
    """

    def __init__(
        self,
        views: Sequence[View],
        n_tasks: int,
        train: Runs,
        layers: Sequence[int],
        device: torch.device,
    ) -> None:
        super().__init__()
        is_read = torch.from_numpy(np.stack([np.isin(layers, view.layers) for view in views]))
        n = (n_tasks, len(views), len(layers))
        self.logits = torch.nn.Parameter(torch.zeros(n, device=device))
        self.logits.register_hook(_without_rounding)
        self._left_out: Tensor
        self._mean: Tensor
        self._size: Tensor
        mean, size = _means_and_sizes(train, layers, device)
        self.register_buffer("_left_out", ~is_read.to(device), persistent=False)
        self.register_buffer("_mean", mean, persistent=False)
        self.register_buffer("_size", size, persistent=False)

    @property
    def device(self) -> torch.device:
        """Where words are mixed."""
        return self.logits.device

    def shares(self, task: int) -> Tensor:
        """The share of each layer in each view of a task, `(views, layers)`; those of a view sum to
        1."""
        return self._weights()[task].detach().cpu()

    def _weights(self) -> Tensor:
        return (SPEED * self.logits).masked_fill(self._left_out, -torch.inf).softmax(dim=2)

    def forward(self, states: Tensor) -> Tensor:
        """Centred words `(views, words, dim)` before training, of the states `(layers, words,
        dim)`."""
        return self.words(states)[0] - self.centres()[0]

    def words(self, states: Tensor) -> Sequence[Tensor]:
        """Words `(views, words, dim)` of each task, of the states `(layers, words, dim)`."""
        # The mean of x / z over layers, without copies of all x. One product for each task: the
        # gradients of one for all would first be copied into one place.
        scaled = (self._weights() / self._size).unbind()
        return [(of_task @ states.flatten(1)).unflatten(1, states.shape[1:]) for of_task in scaled]

    def centres(self) -> Sequence[Tensor]:
        """The mean of these words, `(views, 1, dim)` of each task."""
        return (self._weights() / self._size @ self._mean).unsqueeze(2).unbind()

    def parameters_of(self, task: int, view: int) -> list[Tensor]:
        """What one view of a task has learned: its logits `(layers,)`, before SPEED."""
        return [self.logits.data[task, view]]


def _without_rounding(gradient: Tensor) -> Tensor:
    return gradient.masked_fill(gradient.abs() < LEAST_GRADIENT, 0)


Mixture = Single | Mix


def mixture(
    views: Sequence[View], train: Runs, layers: Sequence[int], device: torch.device
) -> Mixture:
    """The one of `views`, which combine their layers in one way."""
    if views[0].combine == "single":
        return Single(len(views), train.states.dim, device)
    return Mix(views, len(train.instances), train, layers, device)


def _means_and_sizes(
    train: Runs, layers: Sequence[int], device: torch.device
) -> tuple[Tensor, Tensor]:
    """The mean vector `(layers, dim)` and the root mean square of a centred number `(layers,)` of
    training words."""
    n = 0
    total = torch.zeros(len(layers), train.states.dim, dtype=torch.float64)
    square = torch.zeros_like(total)
    for batch in train.samples(WORDS, layers, torch.device("cpu")):
        values = batch.states.double()
        n += values.shape[1]
        total += values.sum(1)
        square += values.square().sum(1)
    mean = total / n
    size = (square / n - mean.square()).mean(1).clamp_min(1e-12).sqrt()
    return mean.float().to(device), size.float().to(device)
