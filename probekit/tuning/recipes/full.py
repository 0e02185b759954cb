"""Full: all weights are trained."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from probekit.tuning.recipe import Recipe


@dataclass(frozen=True)
class Full(Recipe):
    """All weights, AdamW, linear warm-up and decay, 2e-5, 3 epochs, batches of 32."""

    NAME: ClassVar[str] = "full"
    TITLE: ClassVar[str] = "all weights are trained"
    SOURCE: ClassVar[str] = "Devlin et al. 2019"
