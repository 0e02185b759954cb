"""The command report: results as one HTML page."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from probekit.cli import help, terminal


def report(
    folders: Annotated[
        list[Path],
        typer.Argument(
            metavar="FOLDER",
            help="What any command wrote; several of the same corpora go together.",
            rich_help_panel=help.RESULTS,
        ),
    ],
    out: Annotated[
        Path,
        typer.Option(metavar="FILE", help="The page: .html.", rich_help_panel=help.OUTPUT),
    ] = Path("report.html"),
    title: Annotated[
        str,
        typer.Option(metavar="TEXT", help="Title of the page.", rich_help_panel=help.OUTPUT),
    ] = "probekit report",
) -> None:
    """Write results as one HTML page for others: verdicts, pictures, tables, methods.

    \b
      probekit report probekit-runs/demo
      probekit report run change gated --out report.html --title "May it ship?"
    """
    import probekit as pk

    terminal.say(str(pk.report(folders, out, title=title)))
