"""Read: the results in a folder, of any kind."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from probekit import doors
from probekit.errors import InputError, suggestion
from probekit.forgetting.comparison import Comparison
from probekit.forgetting.gate.gated import Gated
from probekit.forgetting.monitors.probe_change import ProbeChange
from probekit.forgetting.trajectory import Trajectory
from probekit.probes.scores import Scores, joined
from probekit.replications.replicated import Replicated
from probekit.tuning.recipe_scores import RecipeScores
from probekit.tuning.transferred import Transfer
from probekit.tuning.tuned import Tuned
from probekit.usage.attribution import Attribution
from probekit.usage.erasure import Erasure
from probekit.usage.neurons_found import Neurons
from probekit.usage.use_change import UseChange

KINDS = (
    Scores,
    Comparison,
    Gated,
    ProbeChange,
    Trajectory,
    Tuned,
    RecipeScores,
    Replicated,
    Transfer,
    Erasure,
    UseChange,
    Neurons,
    Attribution,
)
Kind = (
    Scores
    | Comparison
    | Gated
    | ProbeChange
    | Trajectory
    | Tuned
    | RecipeScores
    | Replicated
    | Transfer
    | Erasure
    | UseChange
    | Neurons
    | Attribution
)
"""Results of any verb."""


def read(folders: str | Path | Sequence[str | Path]) -> Kind:
    """The results in a folder, or in the folder of a file; of several folders, all scores.

    Their kind is in `run.json`; without it, the tables show it. `Scores.read`, `Comparison.read`,
    `Gated.read`, `ProbeChange.read`, `Trajectory.read`, `Tuned.read`, `RecipeScores.read`,
    `Transfer.read`, `Erasure.read`, `UseChange.read`, `Neurons.read`, `Attribution.read` and
    `Replicated.read` take one kind only.

    Raises InputError where there are no results, they are not what was written, or one of several
    folders holds something other than scores.
    """
    paths = [Path(path) for path in doors.several("folders", folders, (str, Path))]
    if len(paths) == 1:
        return _read(paths[0])
    scores = []
    for path in paths:
        found = _read(path)
        if not isinstance(found, Scores):
            raise InputError(
                f"{path} holds results of 'probekit {found.MADE_BY}', and only scores can be read "
                "together: give that folder alone"
            )
        scores.append(found)
    return joined(scores)


def _read(path: Path) -> Kind:
    """The results in one folder, or file."""
    alone = os.path.isfile(path)  # noqa: PTH113 - Path.is_file can raise
    for kind in KINDS:
        if kind.is_in(path.parent if alone else path):
            return kind.read(path)
    if alone:
        return Scores.read(path)
    verbs = ", ".join(dict.fromkeys(f"'probekit {kind.MADE_BY}'" for kind in KINDS))
    raise InputError(
        f"no results in {path}: expected a folder that one of {verbs} wrote{suggestion(path)}"
    )
