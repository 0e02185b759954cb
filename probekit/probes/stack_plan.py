"""Stack plan: which probes are trained in one stack."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch

from probekit.engine.current import current
from probekit.probes.fit_settings import FitSettings
from probekit.probes.view import View
from probekit.probes.whitened import GROUP_BYTES as WHITENED_BYTES
from probekit.probes.whitened import MOST_BYTES, n_words
from probekit.states.sweep import Held
from probekit.states.vectors import Vectors

# Most that a batch and axes of the layers fitted together may take on a CPU, and as one part in so
# many of a GPU's free memory.
GROUP_BYTES, GROUP_SHARE = 1 << 27, 4


@dataclass(frozen=True)
class StackPlan:
    """What one stack holds: all its probes are trained in the same passes over the states.

    Attributes:
        checkpoint: its number.
        views: the layers that probes read, all combined in one way.
        questions: numbers of the questions.
        seeds: the seeds.
    """

    checkpoint: int
    views: tuple[View, ...]
    questions: tuple[int, ...]
    seeds: tuple[int, ...]


def stack_plans(
    checkpoint: int,
    states: Vectors,
    views: tuple[View, ...],
    n_questions: int,
    seeds: tuple[int, ...],
    settings: FitSettings,
) -> Iterator[StackPlan]:
    """The stacks of one checkpoint.

    Probes share the layers they read. A mix is learned for one seed, so nothing is shared between
    seeds.
    """
    everything = tuple(range(n_questions))
    singles = tuple(view for view in views if view.combine == "single")
    for run in _runs(singles, states, settings):
        yield StackPlan(checkpoint, run, everything, seeds)
    mixes = tuple(view for view in views if view.combine == "mix")
    runs = list(_runs(mixes, states, settings))
    for run in runs:
        for asked in _shared_out(everything, _width(settings) // len(runs)):
            for seed in seeds:
                yield StackPlan(checkpoint, run, asked, (seed,))


def _shared_out(questions: tuple[int, ...], n: int) -> Iterator[tuple[int, ...]]:
    """The questions in `n` runs, or at least one of each."""
    for numbers in np.array_split(np.array(questions), min(max(1, n), len(questions))):
        yield tuple(numbers.tolist())


def _runs(
    views: tuple[View, ...], states: Vectors, settings: FitSettings
) -> Iterator[tuple[View, ...]]:
    """Runs of views that are fitted together: one per thread, or more where batches are large.

    The two or three layers that a sweep has in memory are one run, since each run has a cost of its
    own at every step; other threads compute the next layer meanwhile.
    """
    if not views:
        return
    # A batch and the axes of two kinds in single precision, two covariances in double.
    bytes_each = 4 * states.dim * (settings.batch_words + 2 * states.dim) + 2 * 8 * states.dim**2
    most = max(1, _group_bytes(settings.where()) // bytes_each)
    of_words = 4 * n_words(states) * states.dim
    if 0 < of_words <= MOST_BYTES:  # others are not whitened in memory
        most = min(most, WHITENED_BYTES // of_words)
    wanted = 1 if isinstance(states, Held) else _width(settings)
    n = max(-(-len(views) // most), min(wanted, len(views)))
    for places in np.array_split(np.arange(len(views)), n):
        yield tuple(views[place] for place in places.tolist())


def _group_bytes(device: torch.device) -> int:
    """Most that the layers fitted together may take."""
    if device.type != "cuda":
        return GROUP_BYTES
    free, _ = torch.cuda.mem_get_info(device)
    return max(GROUP_BYTES, free // GROUP_SHARE)


def _width(settings: FitSettings) -> int:
    """How many stacks are trained at once."""
    return current().width(settings.where())
