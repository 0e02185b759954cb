"""Adam (Kingma and Ba 2015, algorithm 1), in the few lines that are needed.

`torch.optim` does the same, but its first step imports torch's compiler. That takes longer than
fitting the probes of a small corpus.
"""

from __future__ import annotations

from collections.abc import Iterable

import torch

# A fit is a few hundred steps: long memories would still hold the steep beginning at its end.
BETA1, BETA2, EPSILON = 0.8, 0.9, 1e-8


class Adam:
    """Adam over `parameters`; the learning rate is given at each step.

    Args:
        parameters: what is trained.
        uniform: a parameter `(layers, rows, columns)`, and which of its columns `(columns,)` take
            one second moment for all rows, the mean; None for all columns. Steps then do not depend
            on the axes that the rows are written in.
    """

    def __init__(
        self,
        parameters: Iterable[torch.nn.Parameter],
        uniform: tuple[torch.nn.Parameter, torch.Tensor | None] | None = None,
    ) -> None:
        self._parameters = list(parameters)
        self._uniform = uniform
        self._mean = [torch.zeros_like(p) for p in self._parameters]
        self._square = [self._squared(p, torch.zeros_like(p)) for p in self._parameters]
        self._steps = 0

    @torch.no_grad()
    def step(self, learning_rate: float) -> None:
        """Take one step down the gradients, and clear them."""
        self._steps += 1
        correction1, correction2 = 1 - BETA1**self._steps, 1 - BETA2**self._steps
        for parameter, mean, square in zip(self._parameters, self._mean, self._square, strict=True):
            # A parameter without a gradient (no instance of its task in the batch) still moves by
            # its momentum.
            gradient = torch.zeros_like(parameter) if parameter.grad is None else parameter.grad
            mean.lerp_(gradient, 1 - BETA1)
            square.lerp_(self._squared(parameter, gradient), 1 - BETA2)
            parameter.addcdiv_(
                mean,
                (square / correction2).sqrt_().add_(EPSILON),
                value=-learning_rate / correction1,
            )
            parameter.grad = None

    def _squared(self, parameter: torch.nn.Parameter, gradient: torch.Tensor) -> torch.Tensor:
        squared = gradient.square()
        if self._uniform is None or parameter is not self._uniform[0]:
            return squared
        of_column = squared.mean(1, keepdim=True)
        columns = self._uniform[1]
        return of_column if columns is None else torch.where(columns, of_column, squared)
