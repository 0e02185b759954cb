"""Kept probes: equal states have equal probes, which are trained once.

A grid compares every cell with the same checkpoint, whose probes and their refits are the same each
time. They are kept in memory while the grid runs. A cell that changes no weight of the model has
these probes too.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import replace
from typing import Any, TypeVar

from probekit.probes.fitted import Fitted
from probekit.probes.structural.fitted_trees import FittedTrees
from probekit.probes.view import View
from probekit.states.states import States
from probekit.tasks.digest import digest
from probekit.tasks.question import Question
from probekit.tasks.trees import TreeQuestion

Probes = TypeVar("Probes", Fitted, FittedTrees)

_kept: ContextVar[dict[str, Any] | None] = ContextVar("kept_probes", default=None)


@contextmanager
def keeping_probes() -> Iterator[None]:
    """Within the block, comparisons train the probes of a checkpoint before once."""
    token = _kept.set({})
    try:
        yield
    finally:
        _kept.reset(token)


def trained_once(
    checkpoints: Sequence[tuple[States, Sequence[View]]],
    questions: Sequence[Question] | Sequence[TreeQuestion],
    how: str,
    train: Callable[[list[int]], list[list[Probes]]],
) -> list[list[Probes]]:
    """The probes of each checkpoint, by question; those of the first are kept.

    Args:
        checkpoints: the states of each, with the layers that are probed.
        questions: what the probes answer.
        how: whatever else decides what probes are trained, as text.
        train: trains the probes of the checkpoints with these numbers together.
    """
    kept = _kept.get()
    asked = [digest(question) for question in questions]
    keys = []
    for states, views in checkpoints:
        manifest = json.dumps(states.manifest, sort_keys=True)
        keys.append(repr((manifest, tuple(views), how, asked)))
    known: dict[str, list[Probes]] = dict(kept or {})
    missing = []
    for number, key in enumerate(keys):
        if key not in known and keys.index(key) == number:
            missing.append(number)
    if missing:
        for number, trained in zip(missing, train(missing), strict=True):
            known[keys[number]] = trained
    if kept is not None:
        kept[keys[0]] = known[keys[0]]
    found = []
    for key in keys:
        pairs: zip[tuple[Any, Any]] = zip(known[key], questions, strict=True)
        found.append([replace(probes, question=question) for probes, question in pairs])
    return found
