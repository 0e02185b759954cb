"""Commands that measure and draw: probe, compare, trace."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from probekit.cli import options, terminal
from probekit.cli.several import require_one_model_each
from probekit.errors import InputError


@options.reads
def probe(
    reading: dict[str, Any],
    model: Annotated[
        list[str],
        typer.Option(
            help="Alias, folder, hub id with @revision, random:NAME, or file of word vectors; "
            "repeat for several."
        ),
    ],
    task: options.Tasks,
    corpus: options.Corpora = None,
    probes: Annotated[
        str, typer.Option("--probe", help="linear, mlp, rank:SIZE, or several with a comma.")
    ] = "linear",
    seeds: Annotated[
        int, typer.Option(min=1, max=1_000, help="Probes per layer, with seeds 0, 1, …")
    ] = 1,
    span: options.Span = None,
    out: options.Out = None,
    allow_modified: options.AllowModified = False,
    as_json: options.Json = False,
    latex: options.Latex = False,
) -> None:
    """Train probes on every layer of a checkpoint; print a table, write scores and a heatmap."""
    require_one_model_each("--model", model)
    form, tasks = options.form(as_json, latex), options.names_of_tasks(task)
    with options.results_folder(out, model) as folder:
        import probekit as pk

        scores = pk.probe(
            model,
            options.with_span(tasks, span),
            corpus=options.names_of_corpora(corpus),
            probes=options.names([probes]) or [""],
            seeds=seeds,
            extract_settings=options.extract_settings(reading),
            allow_modified=allow_modified,
        )
        scores = scores.of_command(sys.argv)
        scores.write(folder)
    pk.heatmap(scores, folder / "heatmap.png", folder / "heatmap.svg")
    terminal.print_scores(scores, folder, form)


@options.reads
def compare(
    reading: dict[str, Any],
    before: Annotated[
        str, typer.Option(help="The checkpoint before: alias, hub id with @revision, or folder.")
    ],
    after: Annotated[
        list[str], typer.Option(help="The checkpoint after; repeat for several, in order.")
    ],
    task: options.Tasks,
    corpus: options.Corpora = None,
    probe: Annotated[str, typer.Option(help="linear, mlp or rank:SIZE.")] = "linear",
    seeds: Annotated[
        int,
        typer.Option(min=1, max=1_000, help="Probes per layer and checkpoint: seeds 0, 1, …"),
    ] = 3,
    correction: Annotated[
        Literal["holm", "bh", "none"], typer.Option(help="Correction of p-values over all cells.")
    ] = "holm",
    floor: Annotated[
        Literal["majority", "lexical"],
        typer.Option(help="The baseline that retention counts from."),
    ] = "majority",
    span: options.Span = None,
    out: options.Out = None,
    allow_modified: options.AllowModified = False,
    as_json: options.Json = False,
    latex: options.Latex = False,
) -> None:
    """What did fine-tuning change? Compare checkpoints with one before them, layer by layer."""
    require_one_model_each("--before", [before], repeated=False)
    require_one_model_each("--after", after)
    form, tasks = options.form(as_json, latex), options.names_of_tasks(task)
    chosen: Any = {"probe": probe, "correction": correction, "floor": floor}
    with options.results_folder(out, [*after, "against", before]) as folder:
        import probekit as pk

        change = pk.compare(
            before,
            after,
            options.with_span(tasks, span),
            corpus=options.names_of_corpora(corpus),
            seeds=seeds,
            extract_settings=options.extract_settings(reading),
            allow_modified=allow_modified,
            **chosen,
        )
        change = change.of_command(sys.argv)
        change.write(folder)
    pk.heatmap(change, folder / "forgetting.png", folder / "forgetting.svg")
    pk.bars(change, folder / "decomposition.png", folder / "decomposition.svg")
    terminal.print_comparison(change, folder, form)


@options.reads
def trace(
    reading: dict[str, Any],
    task: options.Tasks,
    run: Annotated[
        Path | None, typer.Option(help="A Trainer's output folder, with checkpoint-N inside.")
    ] = None,
    models: Annotated[
        list[str] | None,
        typer.Option(help="Checkpoints in the order of training; repeat. With --run: before them."),
    ] = None,
    base: Annotated[
        str | None,
        typer.Option(
            help="The model that training began with. "
            "[default: the one that the first checkpoint names, or itself]"
        ),
    ] = None,
    corpus: options.Corpora = None,
    probe: Annotated[str, typer.Option(help="linear, mlp or rank:SIZE.")] = "linear",
    seeds: Annotated[
        int, typer.Option(min=1, max=1_000, help="Probes per layer, with seeds 0, 1, …")
    ] = 1,
    threshold: Annotated[
        float, typer.Option(min=0, max=1, help="Retention below which a task counts as forgotten.")
    ] = 0.9,
    keep_states: Annotated[
        Literal["yes", "no"], typer.Option(help="no: delete states extracted for this alone.")
    ] = "yes",
    out: options.Out = None,
    allow_modified: options.AllowModified = False,
    as_json: options.Json = False,
    latex: options.Latex = False,
) -> None:
    """When was it forgotten? Probe every checkpoint of a training run; with the same --out, only
    new ones."""
    require_one_model_each("--models", models or [])
    require_one_model_each("--base", [base] if base else [], repeated=False)
    form, tasks = options.form(as_json, latex), options.names_of_tasks(task)
    if not (run or models):
        raise InputError(
            "give --run with a Trainer's output folder, or --models for each checkpoint"
        )
    with options.results_folder(out, [str(run or (models or [""])[0])]) as folder:
        import probekit as pk
        from probekit.forgetting.steps import checkpoints_of

        checkpoints = [*(models or []), *(checkpoints_of(run) if run else [])]
        kind: Any = probe
        found = pk.trace(
            checkpoints,
            tasks,
            folder=folder,
            base=base,
            corpus=options.names_of_corpora(corpus),
            probe=kind,
            seeds=seeds,
            threshold=threshold,
            keep_states=keep_states == "yes",
            extract_settings=options.extract_settings(reading),
            allow_modified=allow_modified,
        )
        found = found.of_command(sys.argv)
        found.write(folder)
    pk.lines(found, folder / "curves.png", folder / "curves.svg")
    pk.heatmap(found, folder / "retention.png", folder / "retention.svg")
    terminal.print_trajectory(found, folder, form)
