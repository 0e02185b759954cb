"""Options that commands which fine-tune share."""

from __future__ import annotations

from typing import Annotated

import typer

from probekit.cli import help, parsed
from probekit.errors import InputError

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
        help="How many subwords of a text at most; longer texts are cut (for mlm and clm divided), "
        "and counted.",
        rich_help_panel=help.DATA,
    ),
]
Batch = Annotated[
    int,
    typer.Option(metavar="N", min=1, help="Examples per step.", rich_help_panel=help.TRAINING),
]
Rates = Annotated[
    list[str] | None,
    typer.Option(
        metavar="RECIPE=X,…",
        help="A recipe's learning rate, or several; repeat for others.",
        show_default="the recipe's",
        rich_help_panel=help.TRAINING,
    ),
]
Overwrite = Annotated[
    bool,
    typer.Option(
        "--overwrite",
        help="Delete the run that is in the folder.",
        rich_help_panel=help.OUTPUT,
    ),
]


def by_recipe(option: str, example: str, given: list[str]) -> dict[str, list[str]]:
    """The values of `RECIPE=X,…` by recipe."""
    found = {}
    for one in given:
        recipe, equals, values = one.partition("=")
        if not equals or not parsed.names([values]):
            raise InputError(
                f"{option} takes RECIPE={example}, such as full={example}, not '{one}'"
            )
        found[recipe.strip()] = parsed.names([values])
    return found


def rates_of(given: list[str]) -> dict[str, list[float]]:
    """The learning rates of `--rates`, by recipe."""
    found = {}
    for recipe, values in by_recipe("--rates", "1e-4", given).items():
        try:
            found[recipe] = [float(one) for one in values]
        except ValueError as error:
            raise InputError(f"--rates {recipe}: '{','.join(values)}' is not a number") from error
    return found
