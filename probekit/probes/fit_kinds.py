"""Fit kinds: probes of several kinds, trained while each layer is at hand."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import NamedTuple

from probekit.probes.fit import fit
from probekit.probes.fit_settings import FitSettings
from probekit.probes.fitted import Fitted, joined
from probekit.probes.in_turn import in_turn
from probekit.progress import Progress, as_part
from probekit.states.vectors import Vectors
from probekit.tasks.question import Question


class OfKind(NamedTuple):
    """Probes of one kind.

    Attributes:
        fits: those of each question, of single layers.
        seconds: what their training took.
    """

    fits: list[Fitted]
    seconds: float


def fit_kinds(
    states: Vectors,
    questions: Sequence[Question],
    kinds: Sequence[str],
    seeds: tuple[int, ...],
    settings: FitSettings,
    progress: Progress,
) -> list[OfKind]:
    """Train probes of single layers of each kind; arguments: see `fit`.

    A sweep is run once for all kinds.
    """
    parts: list[list[list[Fitted]]] = [[] for _ in kinds]
    seconds = [0.0] * len(kinds)
    for vectors, views in in_turn(states):
        for number, kind in enumerate(kinds):
            started = time.perf_counter()
            fits = fit(
                vectors,
                questions,
                probe=kind,
                seeds=seeds,
                settings=settings,
                views=views,
                progress=as_part(progress, f"fit {kind}") if len(kinds) > 1 else progress,
            )
            parts[number].append(fits)
            seconds[number] += time.perf_counter() - started
    found = []
    for of_kind, spent in zip(parts, seconds, strict=True):
        fits = [joined(of_question) for of_question in zip(*of_kind, strict=True)]
        found.append(OfKind(fits, spent))
    return found
