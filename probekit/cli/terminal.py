"""The terminal: warnings and errors on standard error; tables, JSON and LaTeX on standard output.

All text leaves through here, and is made harmless on the way.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import typer

from probekit.cli.parameters import as_options
from probekit.errors import ProbekitWarning
from probekit.harmless import harmless

if TYPE_CHECKING:
    from rich.console import Console, ConsoleOptions, RenderableType, RenderResult

    from probekit.states.doctor import Examination


def print_warnings(warnings: Sequence[str]) -> None:
    """What a reader must know, on standard output."""
    _print_lines("note", warnings, "dim")


def complain_of(warnings: Sequence[str]) -> None:
    """What a reader must know, on standard error."""
    for warning in warnings:
        complain(f"note: {as_options(warning)}")


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
        complain(f"note: {as_options(str(message))}")
