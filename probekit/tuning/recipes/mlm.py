"""Mlm: masked pre-training is continued on raw text."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from probekit.errors import InputError
from probekit.tuning.language_model import MASKED
from probekit.tuning.language_recipe import LanguageRecipe
from probekit.tuning.learner import Learner
from probekit.tuning.subwords import Masking, NewMasks, Parts


@dataclass(frozen=True)
class Mlm(LanguageRecipe):
    """All weights are trained to predict masked subwords of raw text, masked anew in each epoch as
    BERT's are. What is masked of dev and test is always the same.

    The output is the checkpoint with its language-modelling head.

    Attributes:
        masked: share of the subwords that are predicted.
    """

    NAME: ClassVar[str] = "mlm"
    TITLE: ClassVar[str] = "pre-training goes on with raw text: masked subwords"
    SOURCE: ClassVar[str] = "Gururangan et al. 2020"

    masked: float = MASKED

    def __post_init__(self) -> None:
        """Raise InputError for a share outside 0 to 1, or of nothing."""
        if not 0 < self.masked < 1:
            raise InputError(
                f"recipe_settings: masked takes a number between 0 and 1, not {self.masked:g}"
            )

    def predicted(
        self, parts: Mapping[str, Parts], tokenizer: Any, seed: int
    ) -> tuple[Mapping[str, Parts], Any]:
        """The parts, of which dev and test are masked, and a collator that masks training."""
        masking = Masking(tokenizer, self.masked, seed)
        dev, test = masking.fixed(parts["dev"]), masking.fixed(parts["test"])
        return {**parts, "dev": dev, "test": test}, masking

    def callbacks(self, learner: Learner, epochs: int) -> Sequence[Any]:
        """Other masks in each epoch."""
        return (NewMasks(learner.collator),)
