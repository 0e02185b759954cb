"""Starting: the weights that training begins with, for recipes that hold on to them."""

from __future__ import annotations

import torch

from probekit.tuning.learner import Learner


def starting_weights(learner: Learner) -> dict[str, torch.Tensor]:
    """Copies of the weights that the checkpoint has, by name; new ones are left out."""
    found = {}
    for name, parameter in learner.model.named_parameters():
        if name not in learner.new:
            found[name] = parameter.detach().clone()
    return found


def distance(
    model: torch.nn.Module,
    start: dict[str, torch.Tensor],
    weights: dict[str, torch.Tensor] | None = None,
) -> torch.Tensor:
    """The sum of squared distances of a model's weights from where they began.

    Args:
        model: the model.
        start: see `starting_weights`.
        weights: how much each weight counts, by the names of `start`; None for all alike.
    """
    terms = []
    for name, parameter in model.named_parameters():
        if name in start:
            squares = (parameter - start[name].to(parameter.device)) ** 2
            if weights is not None:
                squares = squares * weights[name].to(parameter.device)
            terms.append(squares.sum())
    return torch.stack(terms).sum()
