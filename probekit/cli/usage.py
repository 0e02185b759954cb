"""Commands that ask what a model uses: erase, neurons."""

from __future__ import annotations

import sys
from typing import Annotated, Any

import typer

from probekit.cli import help, options
from probekit.cli.several import require_one_model_each

Model = Annotated[
    str,
    typer.Option(
        metavar="NAME",
        help="Alias, folder, or hub id with @revision.",
        rich_help_panel=help.MODEL,
    ),
]
Corpus = Annotated[
    str | None,
    typer.Option(
        metavar="NAME",
        help="A corpus that 'probekit corpora' lists, a file or a folder.",
        show_default="that of the task",
        rich_help_panel=help.MEASURED,
    ),
]


@options.reads
def erase(
    reading: dict[str, Any],
    model: Model,
    task: Annotated[
        str,
        typer.Option(
            metavar="NAME",
            help="The task whose subspace is erased: a name or a TOML file.",
            rich_help_panel=help.MEASURED,
        ),
    ],
    tasks: Annotated[
        str,
        typer.Option(
            metavar="NAME,…",
            help="Other tasks that are measured; the task itself always is.",
            show_default="none",
            rich_help_panel=help.MEASURED,
        ),
    ] = "",
    corpus: Corpus = None,
    data: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="What the checkpoint's own head labels, such as en_ewt:genre or a table.",
            show_default="what finetune trained it on",
            rich_help_panel=help.MEASURED,
        ),
    ] = None,
    layers: Annotated[
        str,
        typer.Option(
            "--layers",
            metavar="N,N-N,…",
            help="Layers to erase from, one after another, such as 0,4,8-12.",
            show_default="all",
            rich_help_panel=help.MODEL,
        ),
    ] = "",
    last_layer: Annotated[
        int | None,
        typer.Option(
            metavar="N",
            min=0,
            help="Erase from layers 0 to this one; not with --layers.",
            show_default="the model's last",
            rich_help_panel=help.MODEL,
        ),
    ] = None,
    seeds: Annotated[
        int,
        typer.Option(
            metavar="N",
            min=1,
            max=1_000,
            help="Number of probes per layer, and of random subspaces.",
            rich_help_panel=help.PROBES,
        ),
    ] = 1,
    out: options.Out = None,
    allow_modified: options.AllowModified = False,
    as_json: options.Json = False,
    latex: options.Latex = False,
) -> None:
    """Erase a task's subspace from a layer of the running model, and measure what breaks.

    \b
      probekit erase --model minilm --task pos --tasks dep --corpus sample
      probekit erase --model ./my-finetuned --task pos --layers 4-6
    """
    require_one_model_each("--model", [model], repeated=False)
    form = options.form(as_json, latex)
    with options.results_folder(out, [model]) as folder:
        import probekit as pk
        from probekit.cli.shown import print_results

        found = pk.erase(
            model,
            task,
            options.names([tasks]),
            corpus=corpus,
            data=data,
            seeds=seeds,
            extract_settings=options.extract_settings(reading),
            allow_modified=allow_modified,
        )
        found = found.of_command(sys.argv)
        found.write(folder)
    pk.heatmap(found, folder / "erasure.png", folder / "erasure.svg")
    print_results(found, folder, form)


@options.reads
def neurons(
    reading: dict[str, Any],
    model: Model,
    task: Annotated[
        str,
        typer.Option(
            metavar="NAME",
            help="The task that neurons tell of: a name or a TOML file.",
            rich_help_panel=help.MEASURED,
        ),
    ],
    tasks: Annotated[
        str,
        typer.Option(
            metavar="NAME,…",
            help="Other tasks, whose first neurons are compared with those of the task.",
            show_default="none",
            rich_help_panel=help.MEASURED,
        ),
    ] = "",
    corpus: Corpus = None,
    against: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="Another checkpoint of the same width, whose first neurons are compared.",
            show_default="none",
            rich_help_panel=help.MEASURED,
        ),
    ] = None,
    top: Annotated[
        int | None,
        typer.Option(
            metavar="N",
            min=1,
            help="How many of the first neurons are listed, compared and ablated.",
            show_default="a tenth",
            rich_help_panel=help.MEASURED,
        ),
    ] = None,
    layers: Annotated[
        str,
        typer.Option(
            "--layers",
            metavar="N,N-N,…",
            help="Layers whose neurons are ranked, such as 0,4,8-12.",
            show_default="all",
            rich_help_panel=help.MODEL,
        ),
    ] = "",
    last_layer: Annotated[
        int | None,
        typer.Option(
            metavar="N",
            min=0,
            help="Rank neurons of layers 0 to this one; not with --layers.",
            show_default="the model's last",
            rich_help_panel=help.MODEL,
        ),
    ] = None,
    seeds: Annotated[
        int,
        typer.Option(
            metavar="N",
            min=1,
            max=1_000,
            help="Number of probes per layer, and of random choices of neurons.",
            rich_help_panel=help.PROBES,
        ),
    ] = 1,
    out: options.Out = None,
    allow_modified: options.AllowModified = False,
    as_json: options.Json = False,
    latex: options.Latex = False,
) -> None:
    """Rank neurons by what they tell of a task; ablate the first ones in the running model.

    \b
      probekit neurons --model minilm --task pos --corpus sample --layers 3
      probekit neurons --model minilm --task pos --tasks dep --against ./tuned
    """
    require_one_model_each("--model", [model], repeated=False)
    form = options.form(as_json, latex)
    with options.results_folder(out, [model]) as folder:
        import probekit as pk
        from probekit.cli.shown import print_results

        found = pk.neurons(
            model,
            task,
            options.names([tasks]),
            corpus=corpus,
            against=against,
            top=top,
            seeds=seeds,
            extract_settings=options.extract_settings(reading),
            allow_modified=allow_modified,
        )
        found = found.of_command(sys.argv)
        found.write(folder)
    pk.lines(found, folder / "neurons.png", folder / "neurons.svg")
    print_results(found, folder, form)
