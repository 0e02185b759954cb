"""Trace settings: how the checkpoints of a trajectory are read and probed."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from probekit.probes.behaviour.behaviour_settings import BehaviourSettings
from probekit.probes.fit_settings import FitSettings
from probekit.progress import Progress
from probekit.states.settings import ExtractSettings

CHECKPOINTS = "checkpoints"


@dataclass(frozen=True)
class TraceSettings:
    """How checkpoints are read and probed, and where results go.

    Attributes:
        probe: the kind of probe.
        seeds: of the probes.
        fit: how probes are trained.
        extract: how checkpoints are read.
        keep_states: whether states stay in the cache that were extracted for this alone.
        folder: where results are written.
        progress: is called with the stage, the units done and the number of units.
        behaviour: how tasks of behaviour are measured.
    """

    probe: str
    seeds: tuple[int, ...]
    fit: FitSettings
    extract: ExtractSettings
    keep_states: bool
    folder: Path
    progress: Progress
    behaviour: BehaviourSettings = field(default_factory=BehaviourSettings)

    @property
    def checkpoints(self) -> Path:
        """Where the results of single checkpoints are."""
        return self.folder / CHECKPOINTS
