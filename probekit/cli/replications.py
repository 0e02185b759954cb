"""Commands that run papers again: replicate, replications."""

from __future__ import annotations

import sys
from typing import Annotated, Any

import typer

from probekit.cli import help, options, parsed, terminal
from probekit.cli.out_folder import results_folder
from probekit.cli.reading import extract_settings, reads
from probekit.cli.several import require_one_model_each


@reads
def replicate(
    reading: dict[str, Any],
    name: Annotated[
        str,
        typer.Argument(
            metavar="NAME",
            help="A replication that 'probekit replications' lists, or a TOML file.",
            rich_help_panel=help.MEASURED,
        ),
    ],
    model: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="The checkpoint: alias, hub id with @revision, or folder.",
            show_default="the paper's",
            rich_help_panel=help.MODEL,
        ),
    ] = None,
    before: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="The checkpoint before fine-tuning, where a paper compares two.",
            show_default="the paper's",
            rich_help_panel=help.MODEL,
        ),
    ] = None,
    after: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="The checkpoint after fine-tuning, where a paper compares two.",
            rich_help_panel=help.MODEL,
        ),
    ] = None,
    corpus: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="A corpus that 'probekit corpora' lists, a file or a folder.",
            show_default="the replication's",
            rich_help_panel=help.MEASURED,
        ),
    ] = None,
    seeds: Annotated[
        int | None,
        options.repeats_option(
            "Number of probes per layer; their seeds are 0, 1, 2 and so on.",
            default="the replication's",
        ),
    ] = None,
    out: options.Out = None,
    allow_modified: options.AllowModified = False,
    as_json: options.Json = False,
    latex: options.Latex = False,
) -> None:
    """Run a paper's settings on free models and corpora, and print its figures beside those
    measured.

    \b
      probekit replicate hewitt-manning2019 --model minilm
      probekit replicate hewitt-liang2019 --model minilm --corpus sample
      probekit replicate merchant2020 --before minilm --after ./my-finetuned
    """
    for option, given in {"--model": model, "--before": before, "--after": after}.items():
        require_one_model_each(option, [given] if given else [], repeated=False)
    form = parsed.form(as_json, latex)
    with results_folder(out, [name]) as folder:
        import probekit as pk
        from probekit.cli.shown import draw, print_results

        replicated = pk.replicate(
            name,
            model=model,
            before=before,
            after=after,
            corpus=corpus,
            seeds=seeds,
            extract_settings=extract_settings(reading),
            allow_modified=allow_modified,
        )
        replicated = replicated.of_command(sys.argv)
        replicated.write(folder)
    if replicated.found is not None:
        draw(replicated.found, folder)
    print_results(replicated, folder, form)


def replications(as_json: options.Json = False) -> None:
    """List the papers that probekit can run again.

    \b
      probekit replications
    """
    from probekit.replications.replication import shipped_replications

    listed = [
        {
            "replication": paper.name,
            "paper": paper.citation,
            "title": paper.title,
            "tasks": ", ".join(paper.tasks),
            "corpus": paper.corpus,
            "model": paper.model,
            "figures": len(paper.published),
        }
        for paper in shipped_replications()
    ]
    terminal.print_rows(listed, as_json, "Replications (probekit replicate NAME)")
