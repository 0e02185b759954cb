"""The edge head: the classifier of edge probing (Tenney et al. 2019a, section 3.1).

There every word is projected to 256 numbers, a span is the mean of its words weighted by learned
attention, and two spans together enter a perceptron with one hidden layer of 256 units. Nothing but
that mean lies between the projection and the hidden layer's linear map. Their product is trained
here as one map, which reads the same functions of the vectors.

Where the paper is silent, this is as its code is (jiant 1, `Classifier` and `edges-tmpl`): tanh,
then layer normalisation, then dropout of 0.3. The scale and shift of the layer normalisation are
left to the linear map that follows. One softmax over the labels takes the place of a sigmoid for
each.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import torch
from torch import Tensor
from torch.nn.functional import layer_norm

from probekit.probes.heads.head import Draw, Head, apply_second_map, second_map
from probekit.tasks.task import Task

HIDDEN = 256  # units
DROPOUT = 0.3  # share of units left out at each step


class Edge(Head):
    """Attention over spans, and a perceptron of normalised tanh units."""

    kind = usage = "edge"
    freedom = 10.0

    def reads(self, task: Task) -> Task:
        """With attention in place of the mean of a span, and no product of two spans."""
        span = "attention" if task.span == "mean" else task.span
        return replace(task, span=span, features="concat")

    def width(self, outputs: int) -> int:
        """One column for each hidden unit."""
        return HIDDEN

    def initial(self, outputs: int, draw: Draw) -> dict[str, Tensor]:
        """The map from hidden units to outputs."""
        return second_map(HIDDEN, outputs, draw)

    def __call__(self, projected: Tensor, parameters: Mapping[str, Tensor]) -> Tensor:
        """The second map of the normalised units."""
        return apply_second_map(_units(projected), parameters)

    def in_training(
        self, projected: Tensor, parameters: Mapping[str, Tensor], noise: torch.Generator
    ) -> Tensor:
        """With dropout. The same units are left out for every view and seed."""
        shape = (projected.shape[1], 1, HIDDEN)
        used = torch.rand(shape, generator=noise).to(projected.device) >= DROPOUT
        return apply_second_map(_units(projected) * used / (1 - DROPOUT), parameters)


def _units(projected: Tensor) -> Tensor:
    """What the hidden units give, `(L, n, S, HIDDEN)`."""
    return layer_norm(projected.tanh(), (HIDDEN,))
