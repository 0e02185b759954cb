"""The command annotate: plain text through a tagger."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from probekit.cli import help, terminal


def annotate(
    texts: Annotated[
        list[Path],
        typer.Argument(
            metavar="FILE",
            help="Text files in UTF-8, one document each.",
            rich_help_panel=help.MEASURED,
        ),
    ],
    tagger: Annotated[
        str,
        typer.Option(
            "--with",
            metavar="TAGGER",
            help="spacy:MODEL (a name or a folder), or stanza:LANGUAGE.",
            rich_help_panel=help.MODEL,
        ),
    ],
    out: Annotated[
        Path,
        typer.Option(
            metavar="FILE", help="The file to write, .conllu.", rich_help_panel=help.OUTPUT
        ),
    ],
    unit: Annotated[
        Literal["paragraph", "line"],
        typer.Option(
            help="What the tagger reads at once; paragraphs end at blank lines.",
            rich_help_panel=help.MEASURED,
        ),
    ] = "paragraph",
) -> None:
    """Annotate plain text with a tagger, and write CoNLL-U to probe: scores then measure
    agreement with the tagger.

    \b
      probekit annotate a.txt --with spacy:en_core_web_sm --out a.conllu
    """
    import probekit as pk

    terminal.say(str(pk.annotate(texts, tagger, out, unit=unit)))
