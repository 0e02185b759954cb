"""Outcomes: what erasing some tasks' subspaces changes in one checkpoint."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from probekit.errors import InputError
from probekit.probes.fit_settings import FitSettings
from probekit.progress import Progress
from probekit.states.states import States
from probekit.tasks.question import Question
from probekit.usage.asked import Asked
from probekit.usage.erasers import erasers_of
from probekit.usage.erasure import CONTROL
from probekit.usage.erasure_rows import Outcome
from probekit.usage.head import Head, open_head
from probekit.usage.language_model import Behaving
from probekit.usage.measuring import Measuring
from probekit.usage.running import Running


@dataclass(frozen=True)
class Measured:
    """What is measured of one checkpoint.

    Attributes:
        states: of all its layers, as they are.
        questions: the tasks that are measured.
        head: its own head, if that is measured.
        seeds: of probes and random subspaces.
        fit: how probes are trained.
        with_control: whether the subspaces of control labels are erased too.
        behaving: its language model, if that is measured.
    """

    states: States
    questions: Sequence[Question]
    head: Head | None
    seeds: tuple[int, ...]
    fit: FitSettings
    with_control: bool = True
    behaving: Behaving | None = None


def outcomes(
    asked: Asked,
    erased: Sequence[Question],
    measured: Measured,
    warnings: list[str],
    progress: Progress,
) -> Iterator[list[Outcome]]:
    """What is said before and after each task is erased from each layer, task by task.

    Probes are trained, and weights loaded, once for all tasks.

    Args:
        asked: the model, and the layers that are erased.
        erased: the tasks whose subspaces are erased.
        measured: what is measured.
        warnings: those of the erasers are added to them.
        progress: called with the stage, the units done and how many there are.
    """
    states, layers = measured.states, asked.layers
    case = Measuring(states, measured.questions, layers, measured.seeds, measured.fit, progress)
    running: Running | None = None
    try:
        for question in erased:
            found, of_erasers = erasers_of(states, question, layers, measured.seeds)
            warnings += of_erasers
            if not measured.with_control:
                found = [kind for kind in found if not kind.name.startswith(CONTROL)]
            said = case.retrained(found)
            running = running or Running(asked.model, states)
            yield said + case.rerun(running, found, measured.head, measured.behaving)
    finally:
        asked.model.release()


def own_head(
    asked: Asked, data: str | Path | None, progress: Progress
) -> tuple[Head | None, list[str]]:
    """The checkpoint's own head, if it has one, and warnings."""
    if asked.name is None:
        if data is not None:
            raise InputError("data is for the head of a checkpoint given by name")
        return None, []
    given = None if data is None else str(data)
    n_blocks = asked.model.encoder.n_blocks
    return open_head(asked.name, given, asked.settings, n_blocks, progress)
