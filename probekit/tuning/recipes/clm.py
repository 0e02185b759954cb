"""Clm: causal pre-training is continued on raw text."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from transformers import DataCollatorForTokenClassification

from probekit.tuning.language_recipe import LanguageRecipe
from probekit.tuning.subwords import Parts, predicting_next


@dataclass(frozen=True)
class Clm(LanguageRecipe):
    """All weights are trained to predict the next subword of raw text.

    The output is the checkpoint with its language-modelling head.
    """

    NAME: ClassVar[str] = "clm"
    TITLE: ClassVar[str] = "pre-training goes on with raw text: next subwords"
    SOURCE: ClassVar[str] = "Gururangan et al. 2020"

    def predicted(
        self, parts: Mapping[str, Parts], tokenizer: Any, seed: int
    ) -> tuple[Mapping[str, Parts], Any]:
        """The parts with their subwords as labels, and a collator that fills them up."""
        found = {split: predicting_next(one) for split, one in parts.items()}
        return found, DataCollatorForTokenClassification(tokenizer)

    def said(self, logits: Any, labels: Any) -> Any:
        """The loss of each subword but the first."""
        first = logits[0] if isinstance(logits, tuple) else logits
        return super().said(first[:, :-1], labels[:, 1:])
