"""Commands about models: models, doctor."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from probekit.cli import help, options, terminal
from probekit.cli.reading import extract_settings, reads
from probekit.cli.several import require_one_model_each

if TYPE_CHECKING:
    from probekit.models.families import Family


def models(as_json: options.Json = False) -> None:
    """List the aliases of models, and the families: their layers, and what a word attends to.

    \b
      probekit models
    """
    aliases, families = alias_rows(), family_rows()
    if as_json:
        terminal.print_json({"aliases": aliases, "families": families})
        return
    terminal.print_rows(
        aliases, False, "Aliases (--model NAME; or a hub id, a folder, random:NAME, word vectors)"
    )
    terminal.print_rows(families, False, "Families")


def alias_rows() -> list[dict[str, str]]:
    """One row per alias."""
    from probekit.models.families import FAMILIES
    from probekit.models.names import ALIASES

    return [
        {"model": name, "hub id": alias.hub_id, "family": FAMILIES[alias.family].title}
        for name, alias in ALIASES.items()
    ]


def family_rows() -> list[dict[str, str]]:
    """One row per family."""
    from probekit.models.families import FAMILIES
    from probekit.models.layers import EMBEDDINGS

    rows = []
    for name, family in FAMILIES.items():
        sites = ["residual", *(site for site in family.sites if "." not in site)]
        row = {
            "family": family.title,
            "model_type": name,
            "stacks": ", ".join(family.stacks),
            "layer 0": EMBEDDINGS[family.embeddings],
            "last layer": "after the final norm" if family.final_norm else "like the others",
            "a word sees": family.attention,
            "sites": ", ".join(sites),
            "block by block": _block_by_block(family),
        }
        rows.append(row)
    return rows


def _block_by_block(family: Family) -> str:
    """Whether it can be read without states on disk."""
    if not family.by_block:
        return "no"
    return "yes" if len(family.stacks) == 1 else "its encoder"


@reads
def doctor(
    reading: dict[str, Any],
    model: Annotated[
        str,
        typer.Option(
            metavar="NAME",
            help="Alias, folder, hub id with @revision, random:NAME, or file of word vectors.",
            rich_help_panel=help.MODEL,
        ),
    ],
    corpus: Annotated[
        str,
        typer.Option(
            metavar="NAME",
            help="The corpus whose words are examined: a name, file or folder.",
            rich_help_panel=help.MEASURED,
        ),
    ] = "sample",
    states: options.KeptStates = "stored",
    allow_modified: options.AllowModified = False,
    as_json: options.Json = False,
) -> None:
    """Print what a model is and how it would read a corpus; exit status 1 where something would
    make results wrong.

    \b
      probekit doctor --model minilm
      probekit doctor --model ./my-model --corpus ./my-text
    """
    import probekit as pk
    from probekit.states.doctor import examine

    require_one_model_each("--model", [model], repeated=False)
    words = pk.load_corpus(corpus, allow_modified=allow_modified)
    found = examine(model, words, extract_settings({**reading, "states": states}))
    if as_json:
        terminal.print_json(
            {"facts": found.facts, "problems": found.problems, "warnings": found.warnings}
        )
    else:
        terminal.print_examination(found)
    raise typer.Exit(1 if found.problems else 0)
