"""The terminal: progress on standard error, tables and JSON on standard output.

All text leaves through here, and is made harmless on the way.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from probekit.cli.parameters import as_options
from probekit.errors import ProbekitWarning
from probekit.harmless import harmless

if TYPE_CHECKING:
    import pandas as pd
    from rich.console import Console, ConsoleOptions, RenderableType, RenderResult

    from probekit.forgetting.comparison import Comparison
    from probekit.forgetting.trajectory import Trajectory
    from probekit.probes.scores import Scores
    from probekit.states.doctor import Examination

PLAIN_EVERY = 10.0


@contextmanager
def progress() -> Iterator[Any]:
    """Progress bars on standard error, a bar a stage."""
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        Progress,
        TaskProgressColumn,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )

    if not Console(stderr=True).is_terminal:
        yield _plain_progress()
        return
    columns = (TextColumn("{task.description:>12}", markup=False), BarColumn(), TaskProgressColumn())
    with Progress(*columns, TimeElapsedColumn(), TimeRemainingColumn(), console=Console(stderr=True)) as bars:
        stages: dict[str, Any] = {}

        def report(stage: str, done: float, total: float) -> None:
            if stage not in stages or (done < total and bars.tasks[stages[stage]].finished):
                stages[stage] = bars.add_task(harmless(stage), total=total)
            bars.update(stages[stage], completed=done, total=total)

        yield report


def _plain_progress() -> Callable[[str, float, float], None]:
    """A line now and then, for a log: of a stage that takes long, every PLAIN_EVERY seconds."""
    said = [time.monotonic()]

    def report(stage: str, done: float, total: float) -> None:
        if time.monotonic() - said[0] > PLAIN_EVERY:
            said[0] = time.monotonic()
            complain(f"{stage}: {done / max(total, 1e-9):.0%}")

    return report


def print_scores(scores: Scores, folder: Path, as_json: bool) -> None:
    """The table of best layers; or as JSON these, and all scores."""
    files = ["scores.csv", "run.json", "heatmap.png", "heatmap.svg"]
    if as_json:
        tables = {"best": records(scores.best()), "scores": records(scores.table)}
        print_json({"warnings": scores.warnings, **tables, "folder": str(folder), "files": files})
        return
    from probekit.reports.table import score_table

    print_results(scores.warnings, score_table(scores), folder, files)


def print_comparison(comparison: Comparison, folder: Path, as_json: bool) -> None:
    """The table and the verdicts; or as JSON these, and every table."""
    from probekit.forgetting.comparison import TABLES

    files = [f"{name}.csv" for name in TABLES] + ["run.json"]
    files += [f"{name}.{ending}" for name in ("forgetting", "decomposition") for ending in ("png", "svg")]
    if as_json:
        tables = {name: records(getattr(comparison, name)) for name in ("best", "last", *TABLES)}
        corrected = {name: comparison.run.settings[name] for name in ("correction", "floor")}
        corrected["corrected_over"] = comparison.run.counts["corrected_over"]
        print_json({"warnings": comparison.warnings, **tables, **corrected, "folder": str(folder), "files": files})
        return
    from rich.console import Group
    from rich.text import Text

    from probekit.reports.table import LEGENDS, comparison_table, where_table

    best = comparison.best
    several = [column for column in ("after", "corpus") if best[column].nunique() > 1]
    lines = [
        Text(f"{', '.join(str(row[column]) for column in [*several, 'task'])}: {row['verdict']}.")
        for _, row in best.iterrows()
    ]
    legend = Text("; ".join(LEGENDS.values()), "dim")
    where = where_table(comparison) or Text("at the best layer before, no kind of instance changed by more than chance")
    shown = Group(comparison_table(comparison), legend, Text(), *lines, Text(), where)
    print_results(comparison.warnings, shown, folder, files)


def print_trajectory(trajectory: Trajectory, folder: Path, as_json: bool) -> None:
    """Two rows for each task and what became of it; or as JSON these, and every table."""
    files = ["trajectory.csv", "fell.csv", "summary.csv", "run.json"]
    files += [f"{name}.{ending}" for name in ("curves", "retention") for ending in ("png", "svg")]
    if as_json:
        tables = {name: records(table) for name, table in trajectory.tables.items()}
        counted = {"base": trajectory.base, "threshold": trajectory.threshold}
        print_json({"warnings": trajectory.warnings, **counted, **tables, "folder": str(folder), "files": files})
        return
    from rich.console import Group
    from rich.text import Text

    from probekit.reports.table import LEGENDS, trajectory_table

    lines = [Text(f"{row['task']}, {row['corpus']}: {row['verdict']}.") for _, row in trajectory.summary.iterrows()]
    if any("MDE" in line.plain for line in lines):
        lines += [Text(), Text(LEGENDS["MDE"], "dim")]
    print_results(trajectory.warnings, Group(trajectory_table(trajectory), *lines), folder, files)


def records(table: pd.DataFrame) -> Any:
    """The rows of a table as they stand in JSON: numbers in full, null where a value is missing."""
    import json

    return json.loads(table.to_json(orient="records", double_precision=15))


def print_results(warnings: Sequence[str], shown: RenderableType, folder: Path, files: Sequence[str]) -> None:
    """Warnings, what was found, and where it is."""
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
    """A page of facts, and what is wrong."""
    from rich.markup import escape
    from rich.table import Table

    for section, facts in found.facts.items():
        table = Table(title=escape(section), title_justify="left", show_header=False, box=None)
        for name, value in facts.items():
            table.add_row(escape(name), escape(_shown(value)))
        show(table)
        say("")
    print_warnings(found.notices)
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

    sys.stdout.write(json.dumps(value, indent=1) + "\n")


def say(text: str) -> None:
    """A line on standard output."""
    typer.echo(harmless(text))


def complain(text: str) -> None:
    """A line on standard error."""
    typer.echo(harmless(text), err=True)


def show(shown: RenderableType) -> None:
    """A table, or whatever else rich can draw, on standard output."""
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
    """A notice of probekit's own in a line; those of other libraries are not shown."""
    if issubclass(category, ProbekitWarning):
        complain(f"notice: {as_options(str(message))}")
