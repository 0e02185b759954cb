"""The command transfer: how many labels pre-training saves."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from probekit.cli import help, options, parsed
from probekit.cli.out_folder import LONGEST_NAME
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
    by_recipe,
    rates_of,
)
from probekit.errors import InputError
from probekit.paths import portable


def transfer(
    model: Annotated[
        str,
        typer.Option(
            metavar="NAME",
            help="The pre-trained checkpoint: alias, folder, or hub id.",
            rich_help_panel=help.MODEL,
        ),
    ],
    data: Data,
    labels: Annotated[
        str,
        typer.Option(
            metavar="N,N,…",
            help="Numbers of training examples with labels; 'all' takes every one.",
            rich_help_panel=help.DATA,
        ),
    ] = "10,100,1000,all",
    text: Text = "",
    label: Label = "",
    regression: Regression = False,
    dev: Annotated[
        int | None,
        typer.Option(
            metavar="N",
            min=1,
            help="Dev examples by which models are chosen; they do not count as labels.",
            show_default="all",
            rich_help_panel=help.DATA,
        ),
    ] = None,
    longest: Longest = 128,
    methods: Annotated[
        str,
        typer.Option(
            metavar="NAME,…",
            help="Of ngrams, static, frozen, full and scratch.",
            show_default="all; static with --vectors",
            rich_help_panel=help.TRAINING,
        ),
    ] = "",
    vectors: Annotated[
        str | None,
        typer.Option(
            metavar="FILE",
            help="Word vectors (word2vec, GloVe, fastText), for static.",
            rich_help_panel=help.TRAINING,
        ),
    ] = None,
    seeds: Annotated[
        int,
        options.repeats_option(
            "Number of samples of labels, each with a seed of its own.", help.TRAINING
        ),
    ] = 3,
    rates: Rates = None,
    epochs: Annotated[
        list[str] | None,
        typer.Option(
            metavar="RECIPE=N",
            help="How often a recipe reads its examples; repeat for others.",
            show_default="the recipe's",
            rich_help_panel=help.TRAINING,
        ),
    ] = None,
    batch: Batch = 32,
    out: Annotated[
        Path | None,
        typer.Option(
            metavar="FOLDER",
            help="Folder for results; a run that was killed is resumed there.",
            show_default="probekit-runs/transfer-MODEL-DATA",
            rich_help_panel=help.OUTPUT,
        ),
    ] = None,
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
    """Measure how many labels pre-training saves.

    \b
      probekit transfer --model minilm --data en_ewt:genre
      probekit transfer --model minilm --data reviews.csv --label stars \\
        --labels 20,200,all --rates full=2e-5,1e-4
      probekit transfer --model minilm --data en_ewt:pos --vectors glove.txt
    """
    require_one_model_each("--model", [model], repeated=False)
    form, numbers = parsed.form(as_json, latex), _numbers(labels)
    of_recipe, repeated = rates_of(rates or []), _epochs(epochs or [])
    folder = out if out is not None else _folder(model, data)
    import probekit as pk
    from probekit.cli.shown import print_results

    settings = pk.TuningSettings(
        batch=batch,
        longest=longest,
        device=device,
        allow_pickle=allow_pickle,
        trust_remote_code=trust_remote_code,
    )
    found = pk.transfer(
        model,
        data,
        numbers,
        out=folder,
        methods=parsed.names([methods]),
        vectors=vectors,
        seeds=seeds,
        text=text,
        label=label,
        regression=regression,
        dev=dev,
        settings=settings,
        rates=of_recipe,
        epochs=repeated,
        overwrite=overwrite,
    )
    found = found.of_command(sys.argv)
    found.write(folder)
    pk.lines(found, folder / "transfer.png", folder / "transfer.svg")
    print_results(found, folder, form)


def _numbers(text: str) -> list[Any]:
    """`10,100,all` as numbers, and `all`."""
    found: list[Any] = []
    for part in parsed.names([text]):
        if part != "all" and not (part.isascii() and part.isdecimal() and len(part) < 10):
            raise InputError(f"--labels takes numbers and 'all', such as 10,100,all, not '{part}'")
        found.append(part if part == "all" else int(part))
    return found


def _epochs(given: list[str]) -> dict[str, int]:
    found = {}
    for method, values in by_recipe("--epochs", "3", given).items():
        if len(values) != 1 or not (values[0].isascii() and values[0].isdecimal()):
            raise InputError(f"--epochs {method} takes one number, not '{','.join(values)}'")
        found[method] = int(values[0])
    return found


def _folder(model: str, data: str) -> Path:
    """The folder of a model and data, the same each time."""
    names = [portable(Path(one.rstrip("/")).name.replace(":", "-")) for one in (model, data)]
    stem = "-".join(["transfer", *names])
    return Path("probekit-runs") / stem[:LONGEST_NAME]
