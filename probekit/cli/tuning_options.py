"""Options that commands which fine-tune share."""

from __future__ import annotations

from typing import Annotated

import typer

from probekit.cli import help

Data = Annotated[
    str,
    typer.Option(
        metavar="NAME",
        help="CORPUS:TASK, CORPUS:genre, a file or folder of tables, glue/TASK, or hf:NAME.",
        rich_help_panel=help.DATA,
    ),
]
Text = Annotated[
    str,
    typer.Option(
        metavar="NAME,NAME",
        help="Of tables: the column of texts, or two of pairs.",
        show_default="text or sentence",
        rich_help_panel=help.DATA,
    ),
]
Label = Annotated[
    str,
    typer.Option(
        metavar="NAME",
        help="Of tables: the column of labels.",
        show_default="label",
        rich_help_panel=help.DATA,
    ),
]
Regression = Annotated[
    bool,
    typer.Option(
        "--regression",
        help="Of tables: the labels are numbers to predict.",
        rich_help_panel=help.DATA,
    ),
]
Longest = Annotated[
    int,
    typer.Option(
        metavar="N",
        min=1,
        help="Subwords of a text; longer ones are cut and counted.",
        rich_help_panel=help.DATA,
    ),
]
Batch = Annotated[
    int,
    typer.Option(metavar="N", min=1, help="Examples per step.", rich_help_panel=help.TRAINING),
]
Overwrite = Annotated[
    bool,
    typer.Option(
        "--overwrite",
        help="Delete the run that is in the folder.",
        rich_help_panel=help.OUTPUT,
    ),
]
