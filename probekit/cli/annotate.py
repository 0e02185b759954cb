"""The command annotate: plain text through a tagger."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from probekit.cli import terminal


def annotate(
    texts: Annotated[list[Path], typer.Argument(help="Text files in UTF-8, one document each.")],
    tagger: Annotated[
        str,
        typer.Option("--with", help="spacy:MODEL (a name or a folder), or stanza:LANGUAGE."),
    ],
    out: Annotated[Path, typer.Option(help="The file to write, .conllu.")],
    unit: Annotated[
        Literal["paragraph", "line"],
        typer.Option(help="What the tagger reads at once; paragraphs end at blank lines."),
    ] = "paragraph",
) -> None:
    """Annotate plain text with a tagger, as CoNLL-U to probe: scores measure agreement with it."""
    import probekit as pk

    terminal.say(str(pk.annotate(texts, tagger, out, unit=unit)))
