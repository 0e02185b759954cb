"""L2sp: weights are drawn towards where they began."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch

from probekit.tuning.learner import Case, Learner
from probekit.tuning.recipe import Penalty, Recipe
from probekit.tuning.starting import distance, starting_weights


@dataclass(frozen=True)
class L2sp(Recipe):
    """Half the squared distance from the starting weights, times `strength`, is added to the loss;
    and half the squared size of the new weights, times `head`.

    Attributes:
        strength: alpha in the paper.
        head: beta in the paper.
    """

    NAME: ClassVar[str] = "l2sp"
    TITLE: ClassVar[str] = "squared distance from the starting weights is added to the loss"
    SOURCE: ClassVar[str] = "Li et al. 2018"

    strength: float = 0.1
    head: float = 0.0

    def penalty(self, case: Case, learner: Learner) -> Penalty | None:
        """The penalty; None where both strengths are 0."""
        if not self.strength and not self.head:
            return None
        start = starting_weights(learner)
        model = learner.model

        def added(step: int) -> torch.Tensor:
            found = self.strength / 2 * distance(model, start)
            for name, parameter in model.named_parameters():
                if self.head and name in learner.new:
                    found = found + self.head / 2 * (parameter**2).sum()
            return found

        return added
