"""Fitted: trained probes of one task, and what they predict."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import product
from typing import Any

import numpy as np

from probekit.probes.cell import Cell
from probekit.probes.stack import Stack
from probekit.probes.view import View
from probekit.tasks.question import Question


@dataclass(frozen=True)
class Fitted:
    """Trained probes of one task.

    Attributes:
        question: the task and its instances.
        head: the kind of probe.
        views: the layers that the probes read.
        seeds: the seeds.
        predictions: `(views, seeds, n_test)` labels given to the test instances, as indices of the
            classes.
        losses: `(views, seeds, n_test)` cross-entropy of the test instances in nats; missing (NaN)
            where training lacks the label.
        dev_predictions: `(views, seeds, n_dev)` labels given to the dev instances.
        dev_loss: `(views, seeds)` mean cross-entropy on dev in nats, of the chosen probe; lower is
            better.
        epochs: `(views, seeds)` epochs that the chosen probe was trained for.
        shares: `(views, seeds, layers)` share of each layer of the states in what a probe reads;
            those of a probe sum to 1.
        refits: `(views, resamples, n_test)` labels given by probes that were trained on resamples
            of the training sentences (see `refits`); None without these.
        stacks: the probes of all tasks fitted together, each stack with the layers it reads.
    """

    question: Question
    head: str
    views: tuple[View, ...]
    seeds: tuple[int, ...]
    predictions: np.ndarray
    losses: np.ndarray
    dev_predictions: np.ndarray
    dev_loss: np.ndarray
    epochs: np.ndarray
    shares: np.ndarray
    stacks: tuple[tuple[tuple[int, ...], Stack], ...]
    refits: np.ndarray | None = None

    @property
    def layers(self) -> tuple[int, ...]:
        """The highest layer of each view."""
        return tuple(view.layer for view in self.views)

    def cells(self) -> Iterator[Cell]:
        """Each trained probe, seed after seed of each view."""
        for view, seed in product(self.views, self.seeds):
            yield Cell(self.question, view, self.head, seed)


def joined(parts: Sequence[Fitted]) -> Fitted:
    """Fits of one task with different views or seeds as one."""
    by_views: dict[tuple[View, ...], list[Fitted]] = {}
    for part in parts:
        by_views.setdefault(part.views, []).append(part)
    of_all_seeds = [_along(1, of_seeds) for of_seeds in by_views.values()]
    return _along(0, of_all_seeds)


def _along(axis: int, parts: Sequence[Fitted]) -> Fitted:
    """Parts as one: along axis 0 of different views, along axis 1 of different seeds."""
    if len(parts) == 1:
        return parts[0]
    arrays: dict[str, Any] = {}
    for name in ("predictions", "losses", "dev_predictions", "dev_loss", "epochs", "shares"):
        arrays[name] = np.concatenate([getattr(part, name) for part in parts], axis=axis)
    views, seeds = parts[0].views, parts[0].seeds
    for part in parts[1:]:
        views, seeds = (views + part.views, seeds) if axis == 0 else (views, seeds + part.seeds)
    stacks = tuple(stack for part in parts for stack in part.stacks)
    refits = [part.refits for part in parts if part.refits is not None]
    if refits and axis == 0:
        arrays["refits"] = np.concatenate(refits)
    return replace(parts[0], views=views, seeds=seeds, stacks=stacks, **arrays)
