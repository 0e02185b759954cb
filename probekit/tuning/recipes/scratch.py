"""Scratch: the same architecture, trained from random weights: what transfer buys."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from probekit.tuning.learner import Case, Learner, open_learner
from probekit.tuning.recipe import Recipe


@dataclass(frozen=True)
class Scratch(Recipe):
    """All weights are random at first, drawn from the seed; more epochs, and a higher rate."""

    NAME: ClassVar[str] = "scratch"
    TITLE: ClassVar[str] = "the same architecture from random weights"
    SOURCE: ClassVar[str] = "the comparison that transfer is measured by (Howard and Ruder 2018)"
    RATE: ClassVar[float] = 1e-4
    EPOCHS: ClassVar[int] = 10

    def open(self, case: Case) -> Learner:
        """The architecture with random weights."""
        return open_learner(case, scratch=True)
