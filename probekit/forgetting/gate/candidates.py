"""Candidates: other checkpoints that were measured, one of which may pass where the one that is to
ship does not."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from io import StringIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

from probekit import doors
from probekit.errors import InputError, suggestion
from probekit.forgetting.comparison import Comparison
from probekit.forgetting.gate.evidence import QUESTION, Evidence
from probekit.forgetting.trajectory import Trajectory
from probekit.paths import path_of
from probekit.results.folder import read_table
from probekit.whole import reason

if TYPE_CHECKING:
    import pandas as pd

Remedies = str | Path | Comparison | Trajectory
CELLS, COMPARED, SCORES = "cells", "compare-*", "recipes.csv"
"""What 'probekit recipes' leaves in its folder: the checkpoints, the comparison of each with the
one before, and how each scores on the task that it was trained for."""
_SAME = ["task", "corpus", "task_fingerprint", "corpus_fingerprint"]
_OF_COMPARISON = {
    "model": "after",
    "model_fingerprint": "after_fingerprint",
    "layer_first": "layer_before",
    "score_first": "score_before",
    "score": "score_after",
    "change": "delta",
    "change_low": "ci_low",
    "change_high": "ci_high",
}
"""The columns of a trajectory by their names in a comparison."""


@dataclass(frozen=True)
class Candidate:
    """A checkpoint that was compared with one before.

    Attributes:
        source: the folder that was given.
        results: the folder of its results.
        name: of the checkpoint.
        evidence: what was found of it.
        step: of training; None where not known.
        metric: of the task it was trained for; empty where not known.
        dev, target: its scores on that task, on dev and test; missing where not known.
    """

    source: str
    results: str
    name: str
    evidence: Evidence
    step: int | None = None
    metric: str = ""
    dev: float = float("nan")
    target: float = float("nan")


def candidates(remedies: Remedies | Sequence[Remedies]) -> list[Candidate]:
    """The checkpoints in results of `trace`, `recipes` and `compare`.

    Args:
        remedies: results, or folders of these.

    Raises InputError where there are none.
    """
    found: list[Candidate] = []
    for one in doors.several("remedies", remedies, (str, Path, Comparison, Trajectory)):
        if isinstance(one, Comparison):
            found += _of_comparison("a comparison", one)
        elif isinstance(one, Trajectory):
            found += _of_trajectory("a trajectory", one)
        else:
            found += _in_folder(path_of(one))
    return found


def _in_folder(folder: Path) -> Iterator[Candidate]:
    """Those in the results that a folder holds."""
    name = str(folder)
    if Trajectory.is_in(folder):
        return _of_trajectory(name, Trajectory.read(folder))
    if Comparison.is_in(folder):
        return _of_comparison(name, Comparison.read(folder))
    compared = sorted((folder / CELLS).glob(f"*/{COMPARED}"))
    if compared:
        return _of_recipes(folder, compared)
    raise InputError(
        f"remedies: expected a folder that 'probekit trace', 'probekit recipes' (with its {CELLS}) "
        f"or 'probekit compare' wrote, not {folder}{suggestion(folder)}"
    )


def _of_comparison(name: str, found: Comparison) -> Iterator[Candidate]:
    """One for each checkpoint after."""
    for after in dict.fromkeys([*found.best["after"], *found.behaviour["after"]]):
        yield Candidate(name, name, after, Evidence.of(found, after))


def _of_recipes(folder: Path, compared: Sequence[Path]) -> Iterator[Candidate]:
    """One for each comparison of a cell."""
    scores = _scores(folder)
    for place in compared:
        cell = place.parent
        score = scores.get(cell.name, {})
        yield Candidate(
            str(folder),
            str(place),
            str(cell),
            Evidence.of(Comparison.read(place)),
            metric=score.get("metric", ""),
            dev=float(score.get("dev") or "nan"),
            target=float(score.get("target") or "nan"),
        )


def _scores(folder: Path) -> dict[str, dict[str, str]]:
    """A row of each cell in the table of a grid, by the cell's name; none where it has no table."""
    path = folder / SCORES
    try:
        text = read_table(path).decode()
    except FileNotFoundError:  # the grid is still running
        return {}
    except (OSError, UnicodeDecodeError) as error:
        why = reason(error) if isinstance(error, OSError) else str(error)
        raise InputError(f"remedies: {path} cannot be read: {why}") from error
    rows = csv.DictReader(StringIO(text, newline=""))
    try:
        return {f"{row['recipe']}-{row['rate']}-{row['seed']}": row for row in rows}
    except KeyError as error:
        raise InputError(f"remedies: {path} lacks the column {error}: run it again") from error


def _of_trajectory(name: str, found: Trajectory) -> Iterator[Candidate]:
    """One for each checkpoint but the base."""
    best = _since_base(found.best, found.base, _SAME)
    layers = _since_base(found.table, found.base, [*_SAME, "layer"])
    behaviour = _since_base(found.behaviour, found.base, [*_SAME, "metric"])
    for model, step in {**_steps(found.best), **_steps(found.behaviour)}.items():
        if model == found.base:
            continue
        evidence = Evidence(
            best=best[best["after"] == model],
            layers=layers[layers["after"] == model],
            by_label=_no_kinds(),
            behaviour=behaviour[behaviour["after"] == model],
            floor="majority",
        )
        yield Candidate(name, name, model, evidence, step=step)


def _steps(table: pd.DataFrame) -> dict[str, int]:
    """The step of each checkpoint, in order."""
    return dict(zip(table["model"], table["step"].tolist(), strict=True))


def _since_base(table: pd.DataFrame, base: str, same: list[str]) -> pd.DataFrame:
    """A table of a trajectory in the form of a comparison with the base.

    Args:
        table: one row for each checkpoint and whatever.
        base: the checkpoint that changes count from.
        same: the columns that tell what a row is about.
    """
    of_base = table[table["model"] == base]
    named = {"model": "before", "model_fingerprint": "before_fingerprint"}
    wanted = [*same, *named]
    if "score_first" not in table and "score" in table:
        named["score"] = "score_before"
        wanted.append("score")
    if "change_low" in table:
        table = table.drop(columns=["ci_low", "ci_high"], errors="ignore")  # of the score
    joined = table.rename(columns=_OF_COMPARISON).merge(
        of_base[wanted].rename(columns=named), on=same
    )
    if "layer_before" in joined:
        joined = joined.rename(columns={"layer": "layer_after"})
    return joined.assign(resamples=0)


def _no_kinds() -> Any:
    """A table of kinds of instances, of which a trajectory knows none."""
    import pandas as pd

    return pd.DataFrame(columns=[*QUESTION, "kind", "value", "n_test"])
