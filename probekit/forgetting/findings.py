"""Findings: what a comparison has found so far."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from probekit.forgetting.behaviour_change import BehaviourRow
from probekit.forgetting.comparison_rows import (
    BestRow,
    ComparisonRow,
    DecompositionRow,
    LabelRow,
    SimilarityRow,
)
from probekit.forgetting.flipped import FlippedRow
from probekit.forgetting.together import TogetherRow
from probekit.results.run import Measurement


@dataclass
class Findings:
    """What was found so far.

    Attributes:
        comparison, best, decomposition, similarity, by_label, behaviour, together, other_metrics,
            flipped: the rows of each table.
        warnings: what a reader must know.
        seconds: by stage.
        probes_trained: how many probes were trained, without refits; the others were in the cache.
        measurements: what was read.
    """

    comparison: list[ComparisonRow] = field(default_factory=list)
    best: list[BestRow] = field(default_factory=list)
    decomposition: list[DecompositionRow] = field(default_factory=list)
    similarity: list[SimilarityRow] = field(default_factory=list)
    by_label: list[LabelRow] = field(default_factory=list)
    behaviour: list[BehaviourRow] = field(default_factory=list)
    together: list[TogetherRow] = field(default_factory=list)
    other_metrics: list[ComparisonRow] = field(default_factory=list)
    flipped: list[FlippedRow] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    seconds: dict[str, float] = field(default_factory=dict)
    probes_trained: int = 0
    measurements: list[Measurement] = field(default_factory=list)

    @contextmanager
    def timed(self, stage: str) -> Iterator[None]:
        """Add the seconds of the block to those of `stage`."""
        started = time.perf_counter()
        yield
        self.seconds[stage] = self.seconds.get(stage, 0.0) + time.perf_counter() - started
