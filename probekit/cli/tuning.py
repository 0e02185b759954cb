"""Commands that fine-tune: finetune by one recipe, recipes by several."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from probekit.cli import help, options, parsed
from probekit.cli.several import require_one_model_each
from probekit.cli.tuning_options import (
    Batch,
    Data,
    Label,
    Longest,
    Overwrite,
    Rates,
    Regression,
    Text,
    rates_of,
)
from probekit.errors import InputError

Rate = Annotated[
    float | None,
    typer.Option(
        metavar="X",
        help="The highest learning rate.",
        show_default="the recipe's",
        rich_help_panel=help.TRAINING,
    ),
]
Epochs = Annotated[
    int | None,
    typer.Option(
        metavar="N",
        min=1,
        help="How often the training examples are read.",
        show_default="the recipe's",
        rich_help_panel=help.TRAINING,
    ),
]


Model = Annotated[
    str,
    typer.Option(
        metavar="NAME",
        help="The checkpoint to start from: alias, folder, hub id, or random:NAME.",
        rich_help_panel=help.MODEL,
    ),
]
Examples = Annotated[
    int | None,
    typer.Option(
        metavar="N",
        min=1,
        help="Training examples, drawn at random, the same for every seed.",
        show_default="all",
        rich_help_panel=help.DATA,
    ),
]


def finetune(
    model: Model,
    data: Data,
    out: Annotated[
        Path,
        typer.Option(
            metavar="FOLDER",
            help="Folder for the checkpoint and its scores.",
            rich_help_panel=help.OUTPUT,
        ),
    ],
    recipe: Annotated[
        str,
        typer.Option(
            metavar="NAME",
            help="full, frozen, frozen-bilstm, top-K, ulmfit, l2sp, ewc, replay, lora, ia3, "
            "prefix, wise or scratch; mlm or clm for raw text.",
            rich_help_panel=help.TRAINING,
        ),
    ] = "full",
    recipe_settings: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            metavar="NAME=VALUE",
            help="A setting of the recipe, such as strength=1; repeat for several.",
            rich_help_panel=help.TRAINING,
        ),
    ] = None,
    text: Text = "",
    label: Label = "",
    regression: Regression = False,
    examples: Examples = None,
    longest: Longest = 128,
    rate: Rate = None,
    epochs: Epochs = None,
    batch: Batch = 32,
    warmup: Annotated[
        float,
        typer.Option(
            metavar="X",
            min=0,
            max=1,
            help="Share of the steps in which the rate rises.",
            rich_help_panel=help.TRAINING,
        ),
    ] = 0.1,
    weight_decay: Annotated[
        float,
        typer.Option(metavar="X", min=0, help="Of AdamW.", rich_help_panel=help.TRAINING),
    ] = 0.01,
    seed: Annotated[
        int,
        typer.Option(
            metavar="N",
            min=0,
            max=2**32 - 1,
            help="Of new weights, the order of examples and dropout.",
            rich_help_panel=help.TRAINING,
        ),
    ] = 0,
    probe_every: Annotated[
        int | None,
        typer.Option(
            metavar="N",
            min=1,
            help="Also measure what the model knows, every so many steps.",
            rich_help_panel=help.MEASURED,
        ),
    ] = None,
    task: Annotated[
        str,
        typer.Option(
            metavar="NAME,…",
            help="The tasks that are measured then.",
            rich_help_panel=help.MEASURED,
        ),
    ] = "pos",
    corpus: Annotated[
        str,
        typer.Option(
            metavar="NAME",
            help="The corpus that they are measured on.",
            rich_help_panel=help.MEASURED,
        ),
    ] = "sample",
    save_every: Annotated[
        int | None,
        typer.Option(
            metavar="N",
            min=1,
            help="Steps from one checkpoint to the next.",
            show_default="an epoch",
            rich_help_panel=help.OUTPUT,
        ),
    ] = None,
    resume: Annotated[
        bool,
        typer.Option(
            "--resume",
            help="Go on with a run that was killed.",
            rich_help_panel=help.OUTPUT,
        ),
    ] = False,
    overwrite: Overwrite = False,
    device: Annotated[
        Literal["auto", "cpu", "cuda", "mps"],
        typer.Option(
            help="Where training runs; auto takes a GPU if there is one.",
            rich_help_panel=help.MACHINE,
        ),
    ] = "auto",
    allow_pickle: options.AllowPickle = False,
    trust_remote_code: options.TrustRemoteCode = False,
    as_json: options.Json = False,
    latex: options.Latex = False,
) -> None:
    """Fine-tune a model by a recipe; choose its checkpoint on dev, and report test.

    \b
      probekit finetune --model minilm --data en_ewt:genre --out tuned
      probekit finetune --model minilm --data en_ewt:pos --recipe lora --out tuned
      probekit finetune --model minilm --data reviews.csv --recipe ulmfit \\
        --text review --label stars --set gradual=no --out tuned
    """
    require_one_model_each("--model", [model], repeated=False)
    form = parsed.form(as_json, latex)
    own = _settings(recipe_settings or [])
    import probekit as pk
    from probekit.cli.shown import print_results

    settings = pk.TuningSettings(
        rate=rate,
        epochs=epochs,
        batch=batch,
        warmup=warmup,
        weight_decay=weight_decay,
        seed=seed,
        examples=examples,
        longest=longest,
        save_every=save_every,
        device=device,
        allow_pickle=allow_pickle,
        trust_remote_code=trust_remote_code,
    )
    tuned = pk.finetune(
        model,
        data,
        recipe,
        out=out,
        text=text,
        label=label,
        regression=regression,
        settings=settings,
        recipe_settings=own,
        probe_every=probe_every,
        probe_tasks=parsed.names([task]),
        probe_corpus=corpus,
        resume=resume,
        overwrite=overwrite,
    )
    tuned = tuned.of_command(sys.argv)
    tuned.write(out)
    print_results(tuned, out, form)


def recipes(
    model: Model,
    data: Data,
    recipe_names: Annotated[
        str,
        typer.Option(
            "--recipes",
            metavar="NAME,…",
            help="Recipes, as finetune takes them.",
            rich_help_panel=help.TRAINING,
        ),
    ],
    task: options.Tasks,
    out: Annotated[
        Path,
        typer.Option(
            metavar="FOLDER",
            help="Folder for checkpoints and tables; what is finished there is not run again.",
            rich_help_panel=help.OUTPUT,
        ),
    ],
    rates: Rates = None,
    seeds: Annotated[
        int,
        options.repeats_option(
            "Number of runs of fine-tuning for each recipe and rate.", help.TRAINING
        ),
    ] = 3,
    corpus: options.Corpora = None,
    probe_seeds: Annotated[
        int,
        options.repeats_option("Number of probes per layer.", least=2),
    ] = 3,
    resample_train: options.ResampleTrain = 10,
    text: Text = "",
    label: Label = "",
    regression: Regression = False,
    examples: Examples = None,
    longest: Longest = 128,
    epochs: Epochs = None,
    batch: Batch = 32,
    device: options.Device = "auto",
    engine: options.Engine = "threads",
    workers: options.Workers = None,
    overwrite: Annotated[
        bool,
        typer.Option(
            "--overwrite",
            help="Delete the runs of this call that are in the folder, and run them again.",
            rich_help_panel=help.OUTPUT,
        ),
    ] = False,
    as_json: options.Json = False,
    latex: options.Latex = False,
) -> None:
    """Fine-tune by several recipes, and show what each gains on its task and forgets.

    \b
      probekit recipes --model minilm --data en_ewt:genre --out grid \\
        --recipes full,frozen,ulmfit,ewc,lora --task pos,dep,srl --seeds 3
      probekit recipes --model minilm --data en_ewt:genre --out grid --task pos \\
        --recipes full,lora --rates full=2e-5,1e-4
    """
    require_one_model_each("--model", [model], repeated=False)
    form, tasks = parsed.form(as_json, latex), parsed.names_of_tasks(task)
    of_recipe = rates_of(rates or [])
    import probekit as pk
    from probekit.cli.shown import print_results

    found = pk.recipes(
        model,
        data,
        parsed.names([recipe_names]),
        tasks,
        out=out,
        rates=of_recipe,
        seeds=seeds,
        corpus=parsed.names_of_corpora(corpus),
        probe_seeds=probe_seeds,
        resample_train=resample_train,
        text=text,
        label=label,
        regression=regression,
        settings=pk.TuningSettings(
            examples=examples, longest=longest, epochs=epochs, batch=batch, device=device
        ),
        overwrite=overwrite,
        engine=pk.EngineSettings(engine, workers),
    )
    found = found.of_command(sys.argv)
    found.write(out)
    pk.tradeoff(found, out / "tradeoff.png", out / "tradeoff.svg")
    print_results(found, out, form)


def _settings(given: list[str]) -> dict[str, Any]:
    """`NAME=VALUE` of each `--set`."""
    found = {}
    for one in given:
        name, equals, value = one.partition("=")
        if not equals or not name.strip():
            raise InputError(f"--set takes NAME=VALUE, such as strength=1, not '{one}'")
        found[name.strip()] = value.strip()
    return found
