"""The command finetune: a checkpoint is fine-tuned by a recipe."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from probekit.cli import help, options, terminal
from probekit.cli.several import require_one_model_each
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


def finetune(
    model: Annotated[
        str,
        typer.Option(
            metavar="NAME",
            help="The checkpoint to start from: alias, folder, hub id, or random:NAME.",
            rich_help_panel=help.MODEL,
        ),
    ],
    data: Annotated[
        str,
        typer.Option(
            metavar="NAME",
            help="CORPUS:TASK, CORPUS:genre, a file or folder of tables, glue/TASK, or hf:NAME.",
            rich_help_panel=help.DATA,
        ),
    ],
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
            help="full, frozen, top-K, ulmfit, l2sp, ewc, replay, lora, ia3, wise or scratch.",
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
    text: Annotated[
        str,
        typer.Option(
            metavar="NAME,NAME",
            help="Of tables: the column of texts, or two of pairs.",
            show_default="text or sentence",
            rich_help_panel=help.DATA,
        ),
    ] = "",
    label: Annotated[
        str,
        typer.Option(
            metavar="NAME",
            help="Of tables: the column of labels.",
            show_default="label",
            rich_help_panel=help.DATA,
        ),
    ] = "",
    regression: Annotated[
        bool,
        typer.Option(
            "--regression",
            help="Of tables: the labels are numbers to predict.",
            rich_help_panel=help.DATA,
        ),
    ] = False,
    examples: Annotated[
        int | None,
        typer.Option(
            metavar="N",
            min=1,
            help="Training examples, drawn at random, the same for every seed.",
            show_default="all",
            rich_help_panel=help.DATA,
        ),
    ] = None,
    longest: Annotated[
        int,
        typer.Option(
            metavar="N",
            min=1,
            help="Subwords of a text; longer ones are cut and counted.",
            rich_help_panel=help.DATA,
        ),
    ] = 128,
    rate: Rate = None,
    epochs: Epochs = None,
    batch: Annotated[
        int,
        typer.Option(metavar="N", min=1, help="Examples per step.", rich_help_panel=help.TRAINING),
    ] = 32,
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
    overwrite: Annotated[
        bool,
        typer.Option(
            "--overwrite",
            help="Delete the run that is in the folder.",
            rich_help_panel=help.OUTPUT,
        ),
    ] = False,
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
    form = options.form(as_json, latex)
    own = _settings(recipe_settings or [])
    import probekit as pk

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
        probe_tasks=options.names([task]),
        probe_corpus=corpus,
        resume=resume,
        overwrite=overwrite,
    )
    tuned = tuned.of_command(sys.argv)
    tuned.write(out)
    terminal.print_tuned(tuned, out, form)


def _settings(given: list[str]) -> dict[str, Any]:
    """`NAME=VALUE` of each `--set`."""
    found = {}
    for one in given:
        name, equals, value = one.partition("=")
        if not equals or not name.strip():
            raise InputError(f"--set takes NAME=VALUE, such as strength=1, not '{one}'")
        found[name.strip()] = value.strip()
    return found
