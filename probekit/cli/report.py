"""The command report: results as one HTML page, and for papers and model cards."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from probekit.cli import help, terminal
from probekit.reports.style import StyleName


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
        Path | None,
        typer.Option(
            metavar="FILE",
            help="The page: .html.",
            show_default="report.html; no page with --latex, --markdown or --model-card",
            rich_help_panel=help.OUTPUT,
        ),
    ] = None,
    latex: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            help="Write tables (booktabs) and pictures (PDF) for a paper into this folder.",
            rich_help_panel=help.OUTPUT,
        ),
    ] = None,
    markdown: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Write tables as Markdown, with pictures (PNG) beside the file.",
            rich_help_panel=help.OUTPUT,
        ),
    ] = None,
    model_card: Annotated[
        Path | None,
        typer.Option(
            metavar="CHECKPOINT",
            help="Write scores into the README.md of this checkpoint, also as metadata.",
            rich_help_panel=help.OUTPUT,
        ),
    ] = None,
    style: Annotated[
        StyleName,
        typer.Option(
            help="Size and font of the pictures of --latex.", rich_help_panel=help.PICTURE
        ),
    ] = "paper-wide",
    title: Annotated[
        str,
        typer.Option(metavar="TEXT", help="Title of the page.", rich_help_panel=help.OUTPUT),
    ] = "probekit report",
) -> None:
    """Write results as one HTML page for others, or for a paper, a README or a model card.

    \b
      probekit report probekit-runs/demo
      probekit report run change gated --out report.html --title "May it ship?"
      probekit report run --latex paper/tables --style paper
      probekit report run --model-card ./my-finetuned
    """
    import probekit as pk

    written: list[Path] = []
    if latex:
        written += pk.latex_files(folders, latex, style=style)
    if markdown:
        written += pk.markdown_file(folders, markdown)
    if model_card:
        written.append(pk.model_card(model_card, folders))
    if out or not written:
        written.append(pk.report(folders, out or "report.html", title=title))
    for path in written:
        terminal.say(str(path))
