"""Engine: where jobs run. Threads of this process are one, workers of a Ray cluster another."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Protocol, TypeVar

if TYPE_CHECKING:
    import torch

Job = TypeVar("Job")
Result = TypeVar("Result")
Job_contra = TypeVar("Job_contra", contravariant=True)
Out = TypeVar("Out")

Report = Callable[[float], None]
"""Called with how much of the jobs given is done, in units of the work's own."""


class Work(Protocol[Job_contra, Out]):
    """What is done with jobs. An engine may send it, its jobs and their results (pickled).

    What is whole already is not done again, so that a job may be done twice without harm.
    """

    @property
    def one_thread(self) -> bool:
        """Whether a job takes one thread, and not all threads of its process."""

    def run(self, jobs: Sequence[Job_contra], report: Report) -> list[Out]:
        """Do jobs with the threads of this process; returns their results in the same order."""


class Engine(Protocol):
    """Where jobs run. Jobs are planned once, do not wait for each other, and may run anywhere."""

    def width(self, device: torch.device) -> int:
        """How many jobs of one thread run at once, at least 1."""

    def require_name(self, name: str, has_name: bool) -> None:
        """Raise InputError where the engine cannot use a model that has no name to open it by."""

    def run(self, work: Work[Job, Result], jobs: Sequence[Job], report: Report) -> list[Result]:
        """Do all jobs; returns their results in the same order.

        Raises what the work raises, after which no further job begins.
        """


class Threads:
    """The engine of this process: work uses its threads as it does alone."""

    def width(self, device: torch.device) -> int:
        """See `Engine`."""
        from probekit.engine.workers import count

        return count(device)

    def require_name(self, name: str, has_name: bool) -> None:
        """Any model of this process will do."""

    def run(self, work: Work[Job, Result], jobs: Sequence[Job], report: Report) -> list[Result]:
        """See `Engine`."""
        return work.run(jobs, report)
