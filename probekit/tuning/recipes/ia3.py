"""Ia3: activations of frozen modules are multiplied by trained numbers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from probekit.errors import InputError
from probekit.tuning.adapter import listed, with_adapter
from probekit.tuning.learner import Case, Learner
from probekit.tuning.recipe import Recipe


@dataclass(frozen=True)
class Ia3(Recipe):
    """Keys, values and the inner layer of the feed-forward networks are multiplied by a trained
    vector each; everything else is frozen.

    The output is an adapter, as that of `lora`.

    Attributes:
        targets: names of the modules, with commas; "" for those that peft knows for the
            architecture.
        feedforward: those among them whose input is multiplied, not their output.
    """

    NAME: ClassVar[str] = "ia3"
    TITLE: ClassVar[str] = "activations of frozen modules are multiplied by trained numbers"
    SOURCE: ClassVar[str] = "Liu et al. 2022"
    RATE: ClassVar[float] = 3e-3

    targets: str = ""
    feedforward: str = ""

    def open(self, case: Case) -> Learner:
        """The model with its adapter."""
        targets, feedforward = listed(self.targets), listed(self.feedforward)
        missing = set(feedforward or ()) - set(targets or ())
        if missing:
            raise InputError(
                f"recipe_settings: feedforward has {missing.pop()}, which is not among targets"
            )
        given = {"target_modules": targets, "feedforward_modules": feedforward}
        if targets and not feedforward:
            given["feedforward_modules"] = []
        return with_adapter(self.NAME, case, super().open(case), "IA3Config", given)
