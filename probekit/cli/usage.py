"""Commands that ask what a model uses: attribute, erase, neurons."""

from __future__ import annotations

import sys
from typing import Annotated, Any, Literal

import typer

from probekit.cli import help, options, parsed
from probekit.cli.out_folder import results_folder
from probekit.cli.reading import extract_settings, reads
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
    options.measured_option(
        "A corpus that 'probekit corpora' lists, a file or a folder.", default="that of the task"
    ),
]


@reads
def attribute(
    reading: dict[str, Any],
    model: Model,
    task: Annotated[str, options.measured_option("The probe's task: a name or a TOML file.")],
    sentence: Annotated[
        str | None,
        options.measured_option(
            "The text that is explained, words and punctuation with spaces between.",
            "--text",
            metavar="WORDS",
            default="test sentences of the corpus",
        ),
    ] = None,
    at: Annotated[
        str | None,
        options.measured_option(
            "In --text: the word, span or pair of spans, by word numbers from 0: 2, 0-2 or 0-2,4.",
            metavar="N[-N][,N[-N]]",
            default="every word, or the whole text",
        ),
    ] = None,
    label: Annotated[
        str | None,
        options.measured_option(
            "The label that is explained.", metavar="LABEL", default="the one that the probe gives"
        ),
    ] = None,
    corpus: Annotated[
        str | None,
        options.measured_option(
            "What the probe is trained on: a corpus, a file or a folder.",
            default="that of the task",
        ),
    ] = None,
    limit: Annotated[
        int,
        options.number_option(
            "Without --text: how many test sentences at most (documents, for tasks that read "
            "these).",
            help.MEASURED,
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
        options.layers_option(
            "The probe's layer, from 1 on; of several the best on dev.", "the best of all"
        ),
    ] = "",
    last_layer: Annotated[
        int | None,
        options.last_layer_option("The best of layers 1 to this one; not with --layers.", least=1),
    ] = None,
    probe: options.Kind = "linear",
    out: options.Out = None,
    allow_modified: options.AllowModified = False,
    as_json: options.Json = False,
    latex: options.Latex = False,
) -> None:
    """Show which words, and which states of lower layers, a probe's decisions rest on.

    \b
      probekit attribute --model minilm --task pos --text "the dog barks"
      probekit attribute --model minilm --task dep --corpus sample --limit 100
    """
    require_one_model_each("--model", [model], repeated=False)
    form = parsed.form(as_json, latex)
    with results_folder(out, [model]) as folder:
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
            extract_settings=extract_settings(reading),
            allow_modified=allow_modified,
        )
        found = found.of_command(sys.argv)
        found.write(folder)
    pk.heatmap(found, folder / "attribution.png", folder / "attribution.svg")
    write_attribution_page(found, folder / "attribution.html")
    print_results(found, folder, form)


@reads
def erase(
    reading: dict[str, Any],
    model: Model,
    task: Annotated[
        str, options.measured_option("The task whose subspace is erased: a name or a TOML file.")
    ],
    tasks: Annotated[
        str,
        options.measured_option(
            "Other tasks that are measured, such as dep or bits; the task itself always is.",
            metavar="NAME,…",
            default="none",
        ),
    ] = "",
    corpus: Corpus = None,
    data: Annotated[
        str | None,
        options.measured_option(
            "Data that the checkpoint's own head was trained to label, such as en_ewt:genre or a "
            "table.",
            default="what finetune trained it on",
        ),
    ] = None,
    lm_head: options.LmHead = None,
    layers: Annotated[
        str, options.layers_option("Layers to erase from, one after another, such as 0,4,8-12.")
    ] = "",
    last_layer: Annotated[
        int | None, options.last_layer_option("Erase from layers 0 to this one; not with --layers.")
    ] = None,
    seeds: Annotated[
        int,
        options.repeats_option("Number of probes per layer, and of random subspaces."),
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
      probekit erase --model gpt2 --task pos --tasks bits,agreement
    """
    require_one_model_each("--model", [model], repeated=False)
    form = parsed.form(as_json, latex)
    with results_folder(out, [model]) as folder:
        import probekit as pk
        from probekit.cli.shown import print_results

        found = pk.erase(
            model,
            task,
            parsed.names([tasks]),
            corpus=corpus,
            data=data,
            lm_head=lm_head,
            seeds=seeds,
            extract_settings=extract_settings(reading),
            allow_modified=allow_modified,
        )
        found = found.of_command(sys.argv)
        found.write(folder)
    pk.heatmap(found, folder / "erasure.png", folder / "erasure.svg")
    print_results(found, folder, form)


@reads
def neurons(
    reading: dict[str, Any],
    model: Model,
    task: Annotated[
        str, options.measured_option("The task that neurons tell of: a name or a TOML file.")
    ],
    tasks: Annotated[
        str,
        options.measured_option(
            "Other tasks, whose first neurons are compared with those of the task.",
            metavar="NAME,…",
            default="none",
        ),
    ] = "",
    corpus: Corpus = None,
    against: Annotated[
        str | None,
        options.measured_option(
            "Another checkpoint of the same width, whose first neurons are compared.",
            default="none",
        ),
    ] = None,
    top: Annotated[
        int | None,
        options.number_option(
            "How many of the first neurons are listed, compared and ablated.",
            help.MEASURED,
            "a tenth",
        ),
    ] = None,
    layers: Annotated[
        str, options.layers_option("Layers whose neurons are ranked, such as 0,4,8-12.")
    ] = "",
    last_layer: Annotated[
        int | None,
        options.last_layer_option("Rank neurons of layers 0 to this one; not with --layers."),
    ] = None,
    seeds: Annotated[
        int,
        options.repeats_option(
            "Number of probes per layer; random neurons are drawn at least 5 times."
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
    form = parsed.form(as_json, latex)
    with results_folder(out, [model]) as folder:
        import probekit as pk
        from probekit.cli.shown import print_results

        found = pk.neurons(
            model,
            task,
            parsed.names([tasks]),
            corpus=corpus,
            against=against,
            top=top,
            seeds=seeds,
            extract_settings=extract_settings(reading),
            allow_modified=allow_modified,
        )
        found = found.of_command(sys.argv)
        found.write(folder)
    pk.lines(found, folder / "neurons.png", folder / "neurons.svg")
    print_results(found, folder, form)
