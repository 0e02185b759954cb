"""Wise: the fine-tuned weights are averaged with the starting ones."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import torch

from probekit.errors import InputError
from probekit.tuning.learner import Case, Learner
from probekit.tuning.recipe import Recipe
from probekit.tuning.starting import starting_weights

if TYPE_CHECKING:
    from probekit.tuning.trainer import TuningTrainer

COEFFICIENTS = tuple(number / 10 for number in range(11))


@dataclass(frozen=True)
class Wise(Recipe):
    """Trained as `full`; then every weight that the checkpoint had becomes (1 − c) times its
    starting value plus c times its trained one. New weights, such as the head's, stay trained.

    Attributes:
        coefficient: c, from 0 to 1; as the text `dev`, the one of eleven that scores best on dev,
            the lowest of equals.
    """

    NAME: ClassVar[str] = "wise"
    TITLE: ClassVar[str] = "fine-tuned weights are averaged with the starting ones"
    SOURCE: ClassVar[str] = "Wortsman et al. 2022"

    coefficient: str = "dev"

    def __post_init__(self) -> None:
        """Raise InputError for a coefficient outside 0 to 1."""
        if self.coefficient == "dev":
            return
        try:
            valid = 0 <= float(self.coefficient) <= 1
        except ValueError:
            valid = False
        if not valid:
            raise InputError(
                f"recipe_settings: coefficient is 'dev' or a number from 0 to 1, "
                f"not '{self.coefficient}'"
            )

    def open(self, case: Case) -> Learner:
        """The model; the weights that it begins with are kept."""
        learner = super().open(case)
        learner.start = starting_weights(learner)
        return learner

    def finish(self, trainer: TuningTrainer, learner: Learner) -> Mapping[str, Any]:
        """Average the weights."""
        start, end = learner.start, starting_weights(learner)
        if self.coefficient != "dev":
            chosen = float(self.coefficient)
            average(learner.model, start, end, chosen)
            return {"coefficient": chosen}
        scores = {}
        for one in COEFFICIENTS:
            average(learner.model, start, end, one)
            scores[one] = trainer.dev_score()
        chosen = max(scores, key=scores.__getitem__)
        average(learner.model, start, end, chosen)
        return {"coefficient": chosen, "dev_scores": {str(key): scores[key] for key in scores}}


@torch.no_grad()
def average(
    model: torch.nn.Module,
    start: Mapping[str, torch.Tensor],
    end: Mapping[str, torch.Tensor],
    coefficient: float,
) -> None:
    """Put (1 − c) · start + c · end into a model; at 0 and 1 exactly one of them."""
    for name, parameter in model.named_parameters():
        if name in start:
            begun, trained = start[name].to(parameter.device), end[name].to(parameter.device)
            mixed = (1 - coefficient) * begun + coefficient * trained
            exact = {0: begun, 1: trained}
            parameter.copy_(exact.get(coefficient, mixed))  # type: ignore[call-overload]
