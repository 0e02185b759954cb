"""Compare settings: how checkpoints are compared."""

from __future__ import annotations

from dataclasses import dataclass

from probekit.forgetting.floor import Floor
from probekit.forgetting.probed_together import Probing
from probekit.stats.correction import Correction


@dataclass(frozen=True)
class CompareSettings:
    """How checkpoints are compared.

    Attributes:
        probing: how they are probed.
        correction: of p-values.
        floor: the baseline above which retention counts.
        n_comparisons: tasks times checkpoints after.
    """

    probing: Probing
    correction: Correction
    floor: Floor
    n_comparisons: int
