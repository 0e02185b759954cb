"""Commands that ask what a model uses: attribute, erase, neurons."""

from __future__ import annotations

import sys
from typing import Annotated, Any, Literal

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
def attribute(
    reading: dict[str, Any],
    model: Model,
    task: Annotated[
        str,
        typer.Option(
            metavar="NAME",
            help="The probe's task: a name or a TOML file.",
            rich_help_panel=help.MEASURED,
        ),
    ],
    sentence: Annotated[
        str | None,
        typer.Option(
            "--text",
            metavar="WORDS",
            help="The text that is explained, words and punctuation with spaces between.",
            show_default="test sentences of the corpus",
            rich_help_panel=help.MEASURED,
        ),
    ] = None,
    at: Annotated[
        str | None,
        typer.Option(
            metavar="N[-N][,N[-N]]",
            help="Its word, span or pair of spans, by numbers of words from 0: 2, 0-2 or 0-2,4.",
            show_default="every word, or the whole text",
            rich_help_panel=help.MEASURED,
        ),
    ] = None,
    label: Annotated[
        str | None,
        typer.Option(
            metavar="LABEL",
            help="The label that is explained.",
            show_default="the one that the probe gives",
            rich_help_panel=help.MEASURED,
        ),
    ] = None,
    corpus: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="What the probe is trained on: a corpus, a file or a folder.",
            show_default="that of the task",
            rich_help_panel=help.MEASURED,
        ),
    ] = None,
    limit: Annotated[
        int,
        typer.Option(
            metavar="N",
            min=1,
            help="Most test sentences without --text (documents, for tasks that read these).",
            rich_help_panel=help.MEASURED,
        ),
    ] = 200,
    baseline: Annotated[
        Literal["pad", "mean", "zero"] | None,
        typer.Option(
            help="What words are compared with: padding, the mean embedding, or zero.",
            show_default="pad, or mean where the tokenizer has none",
            rich_help_panel=help.MEASURED,
        ),
    ] = None,
    layers: Annotated[
        str,
        typer.Option(
            "--layers",
            metavar="N,N-N,…",
            help="The probe's layer, from 1 on; of several the best on dev.",
            show_default="the best of all",
            rich_help_panel=help.MODEL,
        ),
    ] = "",
    last_layer: Annotated[
        int | None,
        typer.Option(
            metavar="N",
            min=1,
            help="The best of layers 1 to this one; not with --layers.",
            show_default="the model's last",
            rich_help_panel=help.MODEL,
        ),
    ] = None,
    probe: options.Kind = "linear",
    out: options.Out = None,
    allow_modified: options.AllowModified = False,
    as_json: options.Json = False,
    latex: options.Latex = False,
) -> None:
    """Show which words, and which states below it, a probe's decisions rest on.

    \b
      probekit attribute --model minilm --task pos --text "the dog barks"
      probekit attribute --model minilm --task dep --corpus sample --limit 100
    """
    require_one_model_each("--model", [model], repeated=False)
    form = options.form(as_json, latex)
    with options.results_folder(out, [model]) as folder:
        import probekit as pk
        from probekit.cli.shown import print_results
        from probekit.reports.attribution_page import write_attribution_page

        found = pk.attribute(
            model,
            task,
            sentence,
            at=at,
            label=label,
            corpus=corpus,
            limit=limit,
            baseline=baseline,
            probe=probe,
            extract_settings=options.extract_settings(reading),
            allow_modified=allow_modified,
        )
        found = found.of_command(sys.argv)
        found.write(folder)
    pk.heatmap(found, folder / "attribution.png", folder / "attribution.svg")
    write_attribution_page(found, folder / "attribution.html")
    print_results(found, folder, form)


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
