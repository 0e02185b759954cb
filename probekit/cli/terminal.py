"""The terminal: warnings and errors on standard error; tables, JSON and LaTeX on standard output.

All text leaves through here, and is made harmless on the way.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from probekit.cli.parameters import as_options
from probekit.errors import ProbekitWarning
from probekit.harmless import harmless

if TYPE_CHECKING:
    import pandas as pd
    from rich.console import Console, ConsoleOptions, RenderableType, RenderResult

    from probekit.cli.options import Form
    from probekit.forgetting.comparison import Comparison
    from probekit.forgetting.trajectory import Trajectory
    from probekit.probes.scores import Scores
    from probekit.replications.replicated import Replicated
    from probekit.reports.read import Kind
    from probekit.states.doctor import Examination
    from probekit.tuning.recipe_scores import RecipeScores
    from probekit.tuning.transferred import Transfer
    from probekit.tuning.tuned import Tuned


def print_scores(scores: Scores, folder: Path, form: Form) -> None:
    """The table of best layers, as text or LaTeX; or as JSON with all scores."""
    files = [f"{name}.csv" for name in scores.tables]
    for name, schema in scores.LARGE.items():
        if len(getattr(scores, name)):
            files.append(f"{schema.name}.parquet")
    files.append("run.json")
    drawn = {
        "heatmap": True,
        "learning-curves": "learning_curves" in scores.tables,
        "capacity": "capacity" in scores.tables,
    }
    for name in [name for name, is_drawn in drawn.items() if is_drawn]:
        files += [f"{name}.png", f"{name}.svg"]
    if form == "json":
        tables = {"best": records(scores.best())}
        tables |= {name: records(table) for name, table in scores.tables.items()}
        print_json({"warnings": scores.warnings, **tables, "folder": str(folder), "files": files})
        return
    if form == "latex":
        _print_latex(scores)
        return
    print_results(scores.warnings, of_scores(scores), folder, files)


def print_comparison(comparison: Comparison, folder: Path, form: Form) -> None:
    """The table and the verdicts; or as JSON with every table."""
    from probekit.forgetting.comparison import TABLES

    files = [f"{name}.csv" for name in TABLES] + ["run.json"]
    files += [
        f"{name}.{ending}" for name in ("forgetting", "decomposition") for ending in ("png", "svg")
    ]
    if form == "latex":
        _print_latex(comparison)
        return
    if form == "json":
        tables = {name: records(getattr(comparison, name)) for name in ("best", "last", *TABLES)}
        corrected = {name: comparison.run.settings[name] for name in ("correction", "floor")}
        corrected["corrected_over"] = comparison.run.counts["corrected_over"]
        written = {"folder": str(folder), "files": files}
        print_json({"warnings": comparison.warnings, **tables, **corrected, **written})
        return
    print_results(comparison.warnings, of_comparison(comparison), folder, files)


def print_trajectory(trajectory: Trajectory, folder: Path, form: Form) -> None:
    """Two rows for each task and its verdict; or as JSON every table."""
    files = ["trajectory.csv", "fell.csv", "summary.csv", "run.json"]
    files += [f"{name}.{ending}" for name in ("curves", "retention") for ending in ("png", "svg")]
    if form == "latex":
        _print_latex(trajectory)
        return
    if form == "json":
        tables = {name: records(table) for name, table in trajectory.tables.items()}
        counted = {"base": trajectory.base, "threshold": trajectory.threshold}
        written = {"folder": str(folder), "files": files}
        print_json({"warnings": trajectory.warnings, **counted, **tables, **written})
        return
    print_results(trajectory.warnings, of_trajectory(trajectory), folder, files)


def of_scores(scores: Scores) -> RenderableType:
    """The best layers, the evidence there, other corpora, and where training lacks a word."""
    from rich.console import Group
    from rich.text import Text

    from probekit.reports.table import (
        as_rich,
        elsewhere_rows,
        evidence_rows,
        score_table,
        unseen_lines,
    )

    made = (score_table(scores), evidence_rows(scores), elsewhere_rows(scores))
    tables = [as_rich(table) for table in made if table]
    return Group(*tables, *map(Text, unseen_lines(scores)))


def of_comparison(comparison: Comparison) -> RenderableType:
    """The differences, the verdicts, and the kinds of instances that changed most."""
    from rich.console import Group
    from rich.text import Text

    from probekit.reports.table import as_rich, breakdown_table, comparison_table

    best = comparison.best
    several = [column for column in ("after", "corpus") if best[column].nunique() > 1]
    lines = []
    for _, row in best.iterrows():
        subject = ", ".join(str(row[column]) for column in [*several, "task"])
        lines.append(Text(f"{subject}: {row['verdict']}."))
    kinds = breakdown_table(comparison)
    none = "at the best layer before, no change of any kind of instance is detected"
    breakdown = as_rich(kinds) if kinds else Text(none)
    return Group(as_rich(comparison_table(comparison)), Text(), *lines, Text(), breakdown)


def of_trajectory(trajectory: Trajectory) -> RenderableType:
    """The scores along the run, and the verdicts."""
    from rich.console import Group
    from rich.text import Text

    from probekit.reports.table import LEGENDS, as_rich, trajectory_table

    lines = []
    for _, row in trajectory.summary.iterrows():
        lines.append(Text(f"{row['task']}, {row['corpus']}: {row['verdict']}."))
    if any("MDE" in line.plain for line in lines):
        lines += [Text(), Text(LEGENDS["MDE"], "dim")]
    return Group(as_rich(trajectory_table(trajectory)), *lines)


def print_tuned(tuned: Tuned, folder: Path, form: Form) -> None:
    """As `of_tuned` says; or as JSON every table."""
    files = ["finetuned.csv", "history.csv", "run.json"]
    if form == "latex":
        _print_latex(tuned)
        return
    if form == "json":
        tables = {name: records(table) for name, table in tuned.tables.items()}
        print_json({"warnings": tuned.warnings, **tables, "folder": str(folder), "files": files})
        return
    print_results(tuned.warnings, of_tuned(tuned), folder, ["the checkpoint", *files])


def print_recipes(found: RecipeScores, folder: Path, form: Form) -> None:
    """As `of_recipes` says; or as JSON every table."""
    files = ["recipes.csv", "tradeoff.csv", "run.json", "tradeoff.png", "tradeoff.svg", "cells/"]
    if form == "latex":
        _print_latex(found)
        return
    if form == "json":
        tables = {name: records(table) for name, table in found.tables.items()}
        said = {"warnings": found.warnings, "conclusion": found.conclusion()}
        print_json({**said, **tables, "folder": str(folder), "files": files})
        return
    print_results(found.warnings, of_recipes(found), folder, files)


def of_recipes(found: RecipeScores) -> RenderableType:
    """A row for each recipe and rate, and which keeps the most."""
    from rich.console import Group
    from rich.text import Text

    from probekit.reports.table import as_rich, tradeoff_table

    return Group(as_rich(tradeoff_table(found)), Text(f"{found.conclusion()}."))


def of_tuned(tuned: Tuned) -> RenderableType:
    """A row for each metric, and a line for each score on dev."""
    from rich.console import Group
    from rich.text import Text

    from probekit.reports.table import as_rich, tuned_lines, tuned_table

    lines = [Text(line) for line in tuned_lines(tuned)]
    return Group(as_rich(tuned_table(tuned)), *lines)


def print_replicated(replicated: Replicated, folder: Path, form: Form) -> None:
    """The paper, the table of its figures, and the differences; or as JSON."""
    from probekit.replications.replicated import MEASURED

    files = ["replication.csv", "run.json", "heatmap.png", "heatmap.svg", f"{MEASURED}/"]
    if form == "latex":
        _print_latex(replicated)
        return
    if form == "json":
        about = {"paper": dict(replicated.paper), "differences": list(replicated.differences)}
        tables = {name: records(table) for name, table in replicated.tables.items()}
        written = {"folder": str(folder), "files": files}
        print_json({"warnings": replicated.warnings, **about, **tables, **written})
        return
    print_results(replicated.warnings, of_replicated(replicated), folder, files)


def of_replicated(replicated: Replicated) -> RenderableType:
    """The paper, its figures beside those measured, and the differences."""
    from rich.console import Group
    from rich.text import Text

    from probekit.reports.replication import difference_lines, heading_lines
    from probekit.reports.table import as_rich, replication_table

    table = as_rich(replication_table(replicated))
    heading = [Text(line) for line in heading_lines(replicated)]
    differences = [Text(line) for line in difference_lines(replicated)]
    return Group(*heading, Text(), table, Text(), *differences)


def print_transfer(transfer: Transfer, folder: Path, form: Form) -> None:
    """As `of_transfer` says; or as JSON every table, and the sentences."""
    files = [f"{name}.csv" for name in transfer.tables]
    files += ["run.json", "transfer.png", "transfer.svg"]
    if form == "latex":
        _print_latex(transfer)
        return
    if form == "json":
        tables = {name: records(table) for name, table in transfer.tables.items()}
        written = {"folder": str(folder), "files": files}
        print_json(
            {"warnings": transfer.warnings, **tables, "sentences": transfer.sentences, **written}
        )
        return
    print_results(transfer.warnings, of_transfer(transfer), folder, files)


def of_transfer(transfer: Transfer) -> RenderableType:
    """A row for each method, and a sentence for each factor."""
    from rich.console import Group
    from rich.text import Text

    from probekit.reports.table import as_rich, transfer_table

    lines = [Text(line) for line in transfer.sentences]
    return Group(as_rich(transfer_table(transfer)), *lines)


def _print_latex(subject: Kind) -> None:
    import probekit as pk

    write(pk.latex(subject))
    for warning in subject.warnings:
        complain(f"note: {as_options(warning)}")


def records(table: pd.DataFrame) -> Any:
    """The rows of a table for JSON: numbers in full, null where a value is missing."""
    import json

    return json.loads(table.to_json(orient="records", double_precision=15))


def print_results(
    warnings: Sequence[str], shown: RenderableType, folder: Path, files: Sequence[str]
) -> None:
    """Warnings, the tables, and where files were written."""
    print_warnings(warnings)
    show(shown)
    say(f"written to {folder}: {', '.join(files)}")


def print_warnings(warnings: Sequence[str]) -> None:
    """What a reader must know, on standard output."""
    _print_lines("note", warnings, "dim")


def print_rows(rows: list[dict[str, Any]], as_json: bool, title: str) -> None:
    """A table, or its rows as JSON."""
    if as_json:
        print_json(rows)
        return
    from rich.markup import escape
    from rich.table import Table

    table = Table(title=escape(title), title_justify="left")
    for number, heading in enumerate(rows[0] if rows else ("nothing here yet",)):
        table.add_column(heading, no_wrap=not number)
    for row in rows:
        table.add_row(*(escape(str(value)) for value in row.values()))
    show(table)


def print_examination(found: Examination) -> None:
    """Facts by section, warnings and problems."""
    from rich.markup import escape
    from rich.table import Table

    for section, facts in found.facts.items():
        table = Table(title=escape(section), title_justify="left", show_header=False, box=None)
        for name, value in facts.items():
            table.add_row(escape(name), escape(_shown(value)))
        show(table)
        say("")
    print_warnings(found.warnings)
    _print_lines("problem", found.problems, "bold")
    if not found.problems:
        say("nothing here would make results wrong")


def _shown(value: Any) -> str:
    if isinstance(value, dict):  # how many, and some of them
        examples = ", ".join(map(repr, value["examples"]))
        return f"{value['count']:,}" + (f" ({examples}, …)" if examples else "")
    return f"{value:,}" if isinstance(value, int | float) else str(value)


def print_json(value: Any) -> None:
    """As JSON, and nothing else."""
    import json

    write(json.dumps(value, indent=1) + "\n")


def write(text: str) -> None:
    """A text that another program reads, as it is."""
    sys.stdout.write(text)


def say(text: str) -> None:
    """A line on standard output."""
    typer.echo(harmless(text))


def complain(text: str) -> None:
    """A line on standard error."""
    typer.echo(harmless(text), err=True)


def show(shown: RenderableType) -> None:
    """A table, or anything else that rich can draw, on standard output."""
    _console().print(_Harmless(shown))


def _print_lines(what: str, lines: Sequence[str], style: str) -> None:
    from rich.text import Text

    for line in lines:
        _console().print(Text(harmless(f"{what}: {as_options(line)}"), style))


class _Harmless:
    """Something that rich can draw, with harmless text."""

    def __init__(self, drawn: RenderableType) -> None:
        self.drawn = drawn

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        from rich.segment import Segment

        for segment in console.render(self.drawn, options):
            yield segment if segment.control else Segment(harmless(segment.text), segment.style)


def _console() -> Console:
    """Standard output."""
    from rich.console import Console

    wide = Console()
    # Into a file or a pipe a table keeps its columns, whatever the width of the terminal.
    return wide if wide.is_terminal else Console(width=160)


def show_warning(message: Any, category: type[Warning], *where: Any, **more: Any) -> None:
    """A warning of probekit's own, on one line; warnings of other libraries are not shown."""
    if issubclass(category, ProbekitWarning):
        complain(f"notice: {as_options(str(message))}")
