"""Read: the results in a folder, of whatever kind they are."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from probekit import doors
from probekit.errors import InputError, suggestion
from probekit.forgetting.comparison import Comparison
from probekit.forgetting.trajectory import Trajectory
from probekit.probes.scores import Scores, joined

KINDS = (Scores, Comparison, Trajectory)


def read(folders: str | Path | Sequence[str | Path]) -> Scores | Comparison | Trajectory:
    """The results that were written into a folder, or into the one that a file of theirs is in; of
    several folders, the scores of all.

    What they are is said by `run.json`; where that is missing, by the tables. `Scores.read`,
    `Comparison.read` and `Trajectory.read` take one kind only.

    Raises InputError where there are none, they are not what was written, or several folders hold
    something else than scores.
    """
    paths = [Path(path) for path in doors.several("folders", folders, (str, Path))]
    if len(paths) == 1:
        return _read(paths[0])
    scores = []
    for path in paths:
        found = _read(path)
        if not isinstance(found, Scores):
            raise InputError(
                f"{path} is of a {found.kind()}, which is read alone: give that folder only"
            )
        scores.append(found)
    return joined(scores)


def _read(path: Path) -> Scores | Comparison | Trajectory:
    """The results in one folder, or file."""
    alone = os.path.isfile(path)  # noqa: PTH113 - Path.is_file can raise
    for kind in KINDS:
        if kind.is_in(path.parent if alone else path):
            return kind.read(path)
    if alone:
        return Scores.read(path)
    verbs = ", ".join(f"'probekit {kind.MADE_BY}'" for kind in KINDS)
    raise InputError(
        f"no results in {path}: expected a folder that one of {verbs} wrote{suggestion(path)}"
    )
