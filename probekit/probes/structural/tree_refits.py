"""Tree refits: the same structural probes, trained on resamples of their training sentences."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from probekit.probes.fit_settings import FitSettings
from probekit.probes.structural.fitted_trees import FittedTrees, joined_counts
from probekit.probes.structural.tree_fit import fit_trees
from probekit.progress import Progress, as_part, silent
from probekit.states.vectors import Vectors
from probekit.tasks.resample import resample_train_trees


def trees_with_refits(
    fitted: Sequence[FittedTrees],
    states: Vectors,
    resamples: int,
    settings: FitSettings,
    progress: Progress = silent,
) -> list[FittedTrees]:
    """The probes of every task, with what their refits count (see `refits.with_refits`).

    Args:
        fitted: probes of each task.
        states: the vectors that they were trained on, at hand.
        resamples: how many refits each has.
        settings: how they were trained.
        progress: called with the stage, the groups of layers trained and how many there are.
    """
    drawn = []
    for one in fitted:
        for number in range(1, resamples + 1):
            drawn.append(resample_train_trees(one.question, number))
    first = fitted[0]
    refits = fit_trees(
        states,
        drawn,
        probe=first.kind,
        seeds=first.seeds[:1],
        settings=settings,
        layers=first.layers,
        progress=as_part(progress, "refit trees"),
    )
    found = []
    for t, one in enumerate(fitted):
        of_task = refits[t * resamples : (t + 1) * resamples]
        counts = joined_counts([refit.test for refit in of_task], axis=1)
        found.append(replace(one, refitted=counts))
    return found
