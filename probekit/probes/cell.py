"""Cell: one trained probe, by its four coordinates."""

from __future__ import annotations

from typing import NamedTuple

from probekit.probes.view import View
from probekit.tasks.question import Question


class Cell(NamedTuple):
    """One trained probe, which is one row of Scores.

    Attributes:
        question: the task and its instances.
        view: the layers that the probe reads.
        head: the kind of probe.
        seed: of its initial weights.
    """

    question: Question
    view: View
    head: str
    seed: int
