"""Shown: what a command prints of its results, one entry per kind of results."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from rich.console import Group
from rich.text import Text

from probekit.cli import terminal
from probekit.cli.options import Form
from probekit.forgetting.comparison import Comparison
from probekit.forgetting.gate.gated import MEASURED as COMPARED
from probekit.forgetting.gate.gated import Gated
from probekit.forgetting.monitors.probe_change import ProbeChange
from probekit.forgetting.trajectory import Trajectory
from probekit.probes.scores import Scores
from probekit.replications.replicated import MEASURED, Replicated
from probekit.reports.capacity import capacity
from probekit.reports.coloured import coloured_lines
from probekit.reports.heatmap import heatmap
from probekit.reports.latex import as_latex
from probekit.reports.learning_curves import learning_curves
from probekit.reports.replication import difference_lines, heading_lines
from probekit.reports.table import LEGENDS, Table, as_rich
from probekit.reports.tables import further_tables, table_of
from probekit.reports.tables.behaviour import (
    behaviour_change_table,
    behaviour_step_table,
)
from probekit.reports.tables.comparison import breakdown_table
from probekit.reports.tables.gate import flip_lines
from probekit.reports.tables.probe_change import detection_table
from probekit.reports.tables.scores import unseen_lines
from probekit.reports.tables.tuned import tuned_lines
from probekit.reports.track import track
from probekit.results.results import Results
from probekit.tuning.predictions import PREDICTIONS
from probekit.tuning.recipe_scores import RecipeScores
from probekit.tuning.transferred import Transfer
from probekit.tuning.tuned import Tuned
from probekit.usage.attribution import Attribution
from probekit.usage.erasure import Erasure
from probekit.usage.neurons_found import Neurons
from probekit.usage.use_change import UseChange

if TYPE_CHECKING:
    import pandas as pd


def _nothing(_: Any) -> dict[str, Any]:
    return {}


class Shown(NamedTuple):
    """How results of one kind are shown.

    Attributes:
        below: lines and tables below the first table.
        above: lines above it.
        lead: a line above all others.
        pictures: names of the pictures that the command draws.
        beside: other files that it writes.
        about: what JSON has beside the tables.
    """

    below: Callable[[Any], Sequence[str | Text | Table]]
    above: Callable[[Any], Sequence[str]] = lambda _: ()
    lead: Callable[[Any], str] = lambda _: ""
    pictures: Callable[[Any], Sequence[str]] = lambda _: ()
    beside: Sequence[str] = ()
    about: Callable[[Any], Mapping[str, Any]] = _nothing


def _below_scores(scores: Scores) -> list[str | Table]:
    """Behaviour, the evidence at the best layers, other corpora, and where training lacks a
    word."""
    if not scores.has_layers:
        return []
    return [*further_tables(scores).values(), *unseen_lines(scores)]


def _pictures_of_scores(scores: Scores) -> list[str]:
    drawn = ["heatmap"] if scores.has_layers else []
    if "learning_curves" in scores.tables:
        drawn.append("learning-curves")
    if "capacity" in scores.tables:
        drawn.append("capacity")
    return drawn


def _below_comparison(comparison: Comparison) -> list[str | Table]:
    """The verdicts, the kinds of instances that changed most, and behaviour."""
    if not comparison.has_layers:
        return []
    best = comparison.best
    several = [column for column in ("after", "corpus") if best[column].nunique() > 1]
    lines: list[str | Table] = [""]
    for _, row in best.iterrows():
        subject = ", ".join(str(row[column]) for column in [*several, "task"])
        lines.append(f"{subject}: {row['verdict']}.")
    none = "at the best layer before, no change of any kind of instance is detected"
    lines += ["", breakdown_table(comparison) or none]
    of_behaviour = behaviour_change_table(comparison)
    if of_behaviour:
        lines += ["", of_behaviour]
    return lines


def _below_probes(found: ProbeChange) -> list[str | Table]:
    """The verdicts, and how well probes of two classes detect."""
    lines: list[str | Table] = [f"{sentence}." for sentence in found.sentences]
    detected = detection_table(found)
    return [*lines, "", detected] if detected else lines


def _about_comparison(comparison: Comparison) -> dict[str, Any]:
    """The rows of the last layers, and how p-values were corrected."""
    about = {name: comparison.run.settings[name] for name in ("correction", "floor")}
    about["corrected_over"] = comparison.run.counts["corrected_over"]
    last = records(comparison.last) if comparison.has_layers else []
    return {"last": last, **about}


def draw(found: Scores | Comparison, folder: Path) -> None:
    """The pictures of what was measured, as files in the folder."""
    if found.has_layers:
        heatmap(found, folder / "heatmap.png", folder / "heatmap.svg")
    if not isinstance(found, Scores):
        return
    if len(found.learning_curves):
        learning_curves(found, folder / "learning-curves.png", folder / "learning-curves.svg")
    if len(found.capacity):
        capacity(found, folder / "capacity.png", folder / "capacity.svg")


def _below_trajectory(trajectory: Trajectory) -> list[str | Table]:
    """The verdicts, and behaviour."""
    if not trajectory.has_layers:
        return []
    lines: list[str | Table] = []
    for _, row in trajectory.summary.iterrows():
        lines.append(f"{row['task']}, {row['corpus']}: {row['verdict']}.")
    if trajectory.summary["verdict"].str.contains("MDE").any():
        lines += ["", LEGENDS["MDE"]]
    of_behaviour = behaviour_step_table(trajectory)
    return [*lines, "", of_behaviour] if of_behaviour else lines


def _below_attribution(found: Attribution) -> list[str | Text | Table]:
    """Of a text its words in colours; and how far the numbers can be trusted."""
    assert found.positions is not None
    coloured = [] if len(found.positions) else [*coloured_lines(found), Text()]
    return [*coloured, *found.sentences]


SHOWN: dict[type[Results], Shown] = {
    Scores: Shown(
        _below_scores,
        pictures=_pictures_of_scores,
        about=lambda scores: {"best": records(scores.best()) if scores.has_layers else []},
    ),
    Comparison: Shown(
        _below_comparison,
        pictures=lambda found: ("forgetting", "decomposition") if found.has_layers else (),
        about=_about_comparison,
    ),
    Gated: Shown(
        flip_lines,
        above=lambda found: found.remedy_lines,
        lead=lambda found: found.sentence,
        beside=(f"{COMPARED}/",),
        about=lambda found: {
            "decision": found.decision,
            "status": found.status,
            "sentence": found.sentence,
            "family": found.family,
            "remedy_lines": found.remedy_lines,
        },
    ),
    ProbeChange: Shown(
        _below_probes,
        about=lambda found: {"sentences": found.sentences},
    ),
    Trajectory: Shown(
        _below_trajectory,
        pictures=lambda found: ("curves", "retention") if found.has_layers else (),
        about=lambda found: {"base": found.base, "threshold": found.threshold},
    ),
    Tuned: Shown(tuned_lines, beside=(PREDICTIONS, "the checkpoint")),
    RecipeScores: Shown(
        lambda found: [f"{found.conclusion()}."],
        pictures=lambda _: ("tradeoff",),
        beside=("cells/",),
        about=lambda found: {"conclusion": found.conclusion()},
    ),
    Transfer: Shown(
        lambda found: found.sentences,
        pictures=lambda _: ("transfer",),
        about=lambda found: {"sentences": found.sentences},
    ),
    Replicated: Shown(
        lambda found: ["", *difference_lines(found)],
        above=lambda found: [*heading_lines(found), ""],
        pictures=lambda _: ("heatmap",),
        beside=(f"{MEASURED}/",),
        about=lambda found: {
            "paper": dict(found.paper),
            "differences": list(found.differences),
        },
    ),
    Erasure: Shown(
        lambda found: found.sentences,
        pictures=lambda _: ("erasure",),
        about=lambda found: {"sentences": found.sentences},
    ),
    UseChange: Shown(
        lambda found: found.sentences,
        pictures=lambda _: ("use_change",),
        about=lambda found: {"sentences": found.sentences},
    ),
    Neurons: Shown(
        lambda found: list(further_tables(found).values()),
        pictures=lambda _: ("neurons",),
        about=lambda found: {"fewest": records(found.fewest())},
    ),
    Attribution: Shown(
        _below_attribution,
        pictures=lambda _: ("attribution",),
        beside=("attribution.html",),
        about=lambda found: {"sentences": found.sentences},
    ),
}
"""How results of each kind are shown."""


def print_results(
    subject: Results,
    folder: Path,
    form: Form,
    more_pictures: Sequence[str] = (),
    within: Mapping[str, Results] | None = None,
    tracked: Path | None = None,
) -> None:
    """Warnings, tables, and where files were written; or JSON with every table; or LaTeX.

    Args:
        subject: the results.
        folder: where they were written.
        form: how they are printed.
        more_pictures: names of pictures that were drawn besides.
        within: results that were written into folders of these names in `folder`.
        tracked: a folder of runs for TensorBoard, where they are logged too.
    """
    within = within or {}
    if tracked is not None:
        drawn = [folder / f"{name}.png" for name in _pictures(subject, more_pictures)]
        tracked = track(subject, tracked, name=folder.resolve().name, pictures=drawn)
    if form == "json":
        printed = _as_json(subject, folder, more_pictures)
        for name, other in within.items():
            printed[name] = _as_json(other, folder / name)
        terminal.print_json(printed)
        return
    if form == "latex":
        print_latex(subject)
    else:
        print_text(subject)
        terminal.say(f"written to {folder}: {', '.join(_files(subject, folder, more_pictures))}")
    if form == "table" and tracked is not None:
        terminal.say(f"logged to {tracked}: tensorboard --logdir {tracked.parent}")
    for name, other in within.items():
        print_results(other, folder / name, form)


def _files(subject: Results, folder: Path, more_pictures: Sequence[str]) -> list[str]:
    """The files of some results, with pictures, and the folders beside them that were written."""
    files = subject.file_names
    for name in _pictures(subject, more_pictures):
        files += [f"{name}.png", f"{name}.svg"]
    for name in SHOWN[type(subject)].beside:
        if not name.endswith("/") or (folder / name).is_dir():
            files.append(name)
    return files


def _pictures(subject: Results, more_pictures: Sequence[str]) -> list[str]:
    """The names of the pictures of some results."""
    return [*SHOWN[type(subject)].pictures(subject), *more_pictures]


def _as_json(subject: Results, folder: Path, more_pictures: Sequence[str] = ()) -> dict[str, Any]:
    """What JSON has of some results."""
    tables = {name: records(table) for name, table in subject.tables.items()}
    about = SHOWN[type(subject)].about(subject)
    written = {"folder": str(folder), "files": _files(subject, folder, more_pictures)}
    return {"warnings": subject.warnings, **about, **tables, **written}


def print_latex(subject: Results) -> None:
    """The first table as LaTeX; warnings go to standard error."""
    terminal.write(as_latex(table_of(subject)))
    terminal.complain_of(subject.warnings)


def print_text(subject: Results) -> None:
    """Warnings, the tables, and the lines around them."""
    shown = SHOWN[type(subject)]
    if shown.lead(subject):
        terminal.say(shown.lead(subject))
    terminal.print_warnings(subject.warnings)
    parts = [*shown.above(subject), table_of(subject), *shown.below(subject)]
    drawn = [as_rich(part) if isinstance(part, Table) else Text.assemble(part) for part in parts]
    terminal.show(Group(*drawn))


def records(table: pd.DataFrame) -> Any:
    """The rows of a table for JSON: numbers in full, null where a value is missing."""
    return json.loads(table.to_json(orient="records", double_precision=15))
