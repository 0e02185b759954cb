"""Top: only the last layers and the head are trained."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from probekit.errors import InputError
from probekit.tuning.depth import depths
from probekit.tuning.learner import Case, Learner
from probekit.tuning.recipe import Recipe


@dataclass(frozen=True)
class Top(Recipe):
    """The last `layers` layers and the head are trained, `top-2` the last two; the rest is frozen.

    Attributes:
        layers: how many; 0 trains the head alone.
    """

    NAME: ClassVar[str] = "top"
    TITLE: ClassVar[str] = "only the last K layers and the head are trained"
    SOURCE: ClassVar[str] = "Yosinski et al. 2014"

    layers: int = 2

    def open(self, case: Case) -> Learner:
        """The model, with its lower layers frozen."""
        learner = super().open(case)
        found = depths(learner.model, f"top-{self.layers}")
        head = max(found.values())
        if self.layers > head - 1:
            raise InputError(
                f"recipe='top-{self.layers}': '{case.model}' has {head - 1} layers above its "
                f"embeddings; top-{head - 1} trains all of them"
            )
        for name, parameter in learner.model.named_parameters():
            parameter.requires_grad_(found[name] >= head - self.layers)
        return learner
