"""The command trace: what changes over the checkpoints of a run."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from probekit.cli import help, options, parsed
from probekit.cli.out_folder import results_folder
from probekit.cli.reading import extract_settings, reads
from probekit.cli.several import require_one_model_each
from probekit.engine.settings import EngineSettings
from probekit.errors import InputError


@reads
def trace(
    reading: dict[str, Any],
    task: options.Tasks,
    run: Annotated[
        Path | None,
        typer.Option(
            metavar="FOLDER",
            help="A Trainer's output folder, with checkpoint-N inside.",
            rich_help_panel=help.MODEL,
        ),
    ] = None,
    models: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME",
            help="Checkpoints, repeated in the order of training; they precede those of --run.",
            rich_help_panel=help.MODEL,
        ),
    ] = None,
    base: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="The model that training began with, from which retention counts.",
            show_default="the one that the first checkpoint names, or itself",
            rich_help_panel=help.MODEL,
        ),
    ] = None,
    corpus: options.Corpora = None,
    probe: options.Kind = "linear",
    seeds: options.Seeds = 1,
    threshold: Annotated[
        float,
        typer.Option(
            metavar="X",
            min=0,
            max=1,
            help="Retention, from 0 to 1, below which a layer counts as fallen.",
            rich_help_panel=help.STATISTICS,
        ),
    ] = 0.9,
    keep_states: Annotated[
        Literal["yes", "no"],
        typer.Option(
            help="'no' deletes the hidden states that were extracted for this command alone.",
            rich_help_panel=help.MACHINE,
        ),
    ] = "yes",
    lm_head: options.LmHead = None,
    reference: options.Reference = None,
    engine: options.Engine = "threads",
    workers: options.Workers = None,
    states: options.KeptStates = "stored",
    out: options.Out = None,
    track: options.Track = None,
    allow_modified: options.AllowModified = False,
    as_json: options.Json = False,
    latex: options.Latex = False,
) -> None:
    """Show when a task was forgotten: probe every checkpoint of a training run; with the same
    --out, only new ones.

    \b
      probekit trace --run ./trainer-output --task pos --out trajectory
      probekit trace --models ./epoch-1 --models ./epoch-2 --task pos
    """
    require_one_model_each("--models", models or [])
    require_one_model_each("--base", [base] if base else [], repeated=False)
    form, tasks = parsed.form(as_json, latex), parsed.names_of_tasks(task)
    place, runs = EngineSettings(engine, workers), parsed.tracked(track)
    if not (run or models):
        raise InputError(
            "give --run with a Trainer's output folder, or --models for each checkpoint"
        )
    with results_folder(out, [str(run or (models or [""])[0])]) as folder:
        import probekit as pk
        from probekit.cli.shown import print_results
        from probekit.forgetting.steps import checkpoints_of

        checkpoints = [*(models or []), *(checkpoints_of(run) if run else [])]
        kind: Any = probe
        found = pk.trace(
            checkpoints,
            tasks,
            folder=folder,
            base=base,
            corpus=parsed.names_of_corpora(corpus),
            probe=kind,
            seeds=seeds,
            threshold=threshold,
            keep_states=keep_states == "yes",
            lm_head=lm_head,
            reference=reference,
            extract_settings=extract_settings({**reading, "states": states}),
            allow_modified=allow_modified,
            engine=place,
        )
        found = found.of_command(sys.argv)
        found.write(folder)
    if found.has_layers:
        pk.lines(found, folder / "curves.png", folder / "curves.svg")
        pk.heatmap(found, folder / "retention.png", folder / "retention.svg")
    print_results(found, folder, form, tracked=runs)
