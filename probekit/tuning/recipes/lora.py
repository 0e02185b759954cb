"""Lora: small matrices beside frozen ones are trained."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from probekit.tuning.adapter import listed, with_adapter
from probekit.tuning.learner import Case, Learner
from probekit.tuning.recipe import Recipe


@dataclass(frozen=True)
class Lora(Recipe):
    """Products of two small matrices are added to matrices of the blocks, which stay as they are.

    The output is an adapter, which peft and probekit apply to the starting checkpoint.

    Attributes:
        rank: of the products.
        alpha: they are multiplied by alpha / rank.
        dropout: of their input.
        targets: names of the modules that have them, with commas; "" for those that peft knows for
            the architecture.
    """

    NAME: ClassVar[str] = "lora"
    TITLE: ClassVar[str] = "low-rank matrices beside frozen ones are trained"
    SOURCE: ClassVar[str] = "Hu et al. 2022"
    RATE: ClassVar[float] = 5e-4

    rank: int = 8
    alpha: float = 16.0
    dropout: float = 0.1
    targets: str = ""

    def open(self, case: Case) -> Learner:
        """The model with its adapter."""
        given = {
            "r": self.rank,
            "lora_alpha": self.alpha,
            "lora_dropout": self.dropout,
            "target_modules": listed(self.targets),
        }
        return with_adapter(self.NAME, case, super().open(case), "LoraConfig", given)
