"""Sleeping: work that takes time and nothing else."""

from __future__ import annotations

import time
from collections.abc import Sequence

from probekit.engine.engine import Report

SECONDS = 0.5


class Sleeping:
    """Sleeps SECONDS for each job."""

    one_thread = True

    def run(self, jobs: Sequence[int], report: Report) -> list[int]:
        """The jobs."""
        time.sleep(SECONDS * len(jobs))
        report(len(jobs))
        return list(jobs)
