"""Kept probes: those of one checkpoint, from one comparison to the next.

A grid compares every cell with the same checkpoint, whose probes and their refits are the same each
time. They are kept in memory while the grid runs.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import replace
from typing import Any

from probekit.probes.fitted import Fitted
from probekit.probes.structural.fitted_trees import FittedTrees
from probekit.probes.view import View
from probekit.states.states import States
from probekit.tasks.digest import digest
from probekit.tasks.question import Question
from probekit.tasks.trees import TreeQuestion

_kept: ContextVar[dict[str, Any] | None] = ContextVar("kept_probes", default=None)


@contextmanager
def keeping_probes() -> Iterator[None]:
    """Within the block, comparisons train the probes of a checkpoint before once."""
    token = _kept.set({})
    try:
        yield
    finally:
        _kept.reset(token)


class KeptProbes:
    """The probes of some layers of a checkpoint, where comparisons keep them.

    Args:
        states: of the checkpoint.
        views: the layers.
        questions: what the probes answer.
        how: whatever else decides what probes are trained, as text.
    """

    def __init__(
        self,
        states: States,
        views: Sequence[View],
        questions: Sequence[Question] | Sequence[TreeQuestion],
        how: str,
    ) -> None:
        self._questions = questions
        self._key = ""
        if _kept.get() is not None:
            manifest = json.dumps(states.manifest, sort_keys=True)
            digests = [digest(question) for question in questions]
            self._key = repr((manifest, tuple(views), how, digests))

    def get(self) -> list[Any] | None:
        """The probes of each question; None where none are kept."""
        known = _kept.get()
        if known is None or self._key not in known:
            return None
        found = []
        for probes, question in zip(known[self._key], self._questions, strict=True):
            found.append(replace(probes, question=question))
        return found

    def put(self, probes: Sequence[Fitted] | Sequence[FittedTrees]) -> None:
        """Keep the probes of each question, where they are kept."""
        known = _kept.get()
        if known is not None:
            known[self._key] = list(probes)
