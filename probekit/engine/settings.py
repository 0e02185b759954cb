"""Settings: which engine does the work, and with how many workers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, get_args

from probekit import doors
from probekit.errors import InputError

EngineKind = Literal["threads", "ray"]


@dataclass(frozen=True)
class EngineSettings:
    """Where work runs.

    Attributes:
        kind: `threads` of this process, or workers of a `ray` cluster.
        workers: of Ray, each a process with a model of its own; they share the processor cores. By
            default one for each GPU, or else one for each machine.
        address: of a running Ray cluster, `HOST:PORT` or `auto`. By default the environment
            variable RAY_ADDRESS; without it, a cluster on this machine is started, and ends with
            the work.
    """

    kind: EngineKind = "threads"
    workers: int | None = None
    address: str | None = None

    def __post_init__(self) -> None:
        """Raise InputError where a field has a value outside its range."""
        doors.choice("kind", self.kind, get_args(EngineKind))
        if self.workers is not None:
            doors.at_least_one("workers", self.workers)
        doors.optional("address", self.address, str)
        for name in ("workers", "address"):
            if self.kind == "threads" and getattr(self, name) is not None:
                raise InputError(
                    f"{name}={getattr(self, name)!r} needs engine='ray': there are as many threads "
                    "as OMP_NUM_THREADS says, or as many as cores"
                )


def settings_of(given: Any) -> EngineSettings:
    """The settings that a parameter `engine` stands for. Raises InputError for anything else."""
    if isinstance(given, EngineSettings):
        return given
    kind: Any = doors.of_type("engine", given, (str, EngineSettings))
    doors.choice("engine", kind, get_args(EngineKind))
    return EngineSettings(kind)
