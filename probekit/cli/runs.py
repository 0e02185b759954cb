"""Commands that measure and draw: probe, compare, heatmap."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import typer

from probekit.cli import options, terminal


def probe(
    model: Annotated[list[str], typer.Option(help="Alias, hub id with @revision, or folder; repeat for several.")],
    task: options.Tasks,
    corpus: options.Corpora = None,
    layers: options.Layers = "",
    last_layer: options.LastLayer = None,
    probes: Annotated[str, typer.Option("--probe", help="linear, mlp, or both with a comma.")] = "linear",
    seeds: Annotated[int, typer.Option(min=1, help="Probes a layer, with seeds 0, 1, …")] = 1,
    pieces: options.Pieces = "mean",
    span: options.Span = "",
    device: options.Device = "auto",
    dtype: options.Dtype = "auto",
    store_dtype: options.StoreDtype = "float16",
    batch_tokens: options.BatchTokens = None,
    out: options.Out = None,
    allow_modified: options.AllowModified = False,
    allow_pickle: options.AllowPickle = False,
    trust_remote_code: options.TrustRemoteCode = False,
    as_json: options.Json = False,
) -> None:
    """Train probes on every layer of a checkpoint; print a table, and write scores and a heatmap."""
    reading = options.reading(
        layers=options.layers(layers, last_layer),
        pieces=pieces,
        device=device,
        dtype=dtype,
        store_dtype=store_dtype,
        batch_tokens=batch_tokens,
        allow_pickle=allow_pickle,
        trust_remote_code=trust_remote_code,
    )
    kinds: Any = options.names([probes])
    for kind in kinds or [""]:
        options.check("--probe", kind, ("linear", "mlp"))
    tasks = options.names_of_tasks(task)
    with terminal.progress() as progress:
        import probekit as pk
        from probekit.probes.scores import make_folder

        folder = make_folder(options.new_folder(out, model))
        scores = pk.probe(
            model,
            options.with_span(tasks, span),
            corpus=options.names(corpus) if corpus else None,
            probes=kinds,
            seeds=range(seeds),
            extract_settings=options.extract_settings(reading),
            allow_modified=allow_modified,
            progress=progress,
        )
    scores = replace(scores, run={"command": sys.argv, **scores.run})
    scores.write(folder)
    pk.heatmap(scores, folder / "heatmap.png", folder / "heatmap.svg")
    terminal.print_scores(scores, folder, as_json)


def compare(
    before: Annotated[str, typer.Option(help="The checkpoint before: alias, hub id with @revision, or folder.")],
    after: Annotated[list[str], typer.Option(help="The checkpoint after; repeat for several, in order.")],
    task: options.Tasks,
    corpus: options.Corpora = None,
    layers: options.Layers = "",
    last_layer: options.LastLayer = None,
    probe: Annotated[str, typer.Option(help="linear or mlp.")] = "linear",
    seeds: Annotated[int, typer.Option(min=1, help="Probes a layer and checkpoint, with seeds 0, 1, …")] = 3,
    correction: Annotated[str, typer.Option(help="Of p-values over all cells: holm, bh or none.")] = "holm",
    floor: Annotated[str, typer.Option(help="What retention counts from: majority or lexical.")] = "majority",
    pieces: options.Pieces = "mean",
    span: options.Span = "",
    device: options.Device = "auto",
    dtype: options.Dtype = "auto",
    store_dtype: options.StoreDtype = "float16",
    batch_tokens: options.BatchTokens = None,
    out: options.Out = None,
    allow_modified: options.AllowModified = False,
    allow_pickle: options.AllowPickle = False,
    trust_remote_code: options.TrustRemoteCode = False,
    as_json: options.Json = False,
) -> None:
    """What did fine-tuning change? Hold checkpoints against one before them, layer by layer."""
    reading = options.reading(
        layers=options.layers(layers, last_layer),
        pieces=pieces,
        device=device,
        dtype=dtype,
        store_dtype=store_dtype,
        batch_tokens=batch_tokens,
        allow_pickle=allow_pickle,
        trust_remote_code=trust_remote_code,
    )
    options.check("--probe", probe, ("linear", "mlp"))
    options.check("--correction", correction, ("holm", "bh", "none"))
    options.check("--floor", floor, ("majority", "lexical"))
    tasks = options.names_of_tasks(task)
    chosen: Any = {"probe": probe, "correction": correction, "floor": floor}
    with terminal.progress() as progress:
        import probekit as pk
        from probekit.probes.scores import make_folder
        from probekit.reports.forgetting import decomposition_picture

        folder = make_folder(options.new_folder(out, [*after, "against", before]))
        change = pk.compare(
            before,
            after,
            options.with_span(tasks, span),
            corpus=options.names(corpus) if corpus else None,
            seeds=range(seeds),
            extract_settings=options.extract_settings(reading),
            allow_modified=allow_modified,
            progress=progress,
            **chosen,
        )
    change = replace(change, run={"command": sys.argv, **change.run})
    change.write(folder)
    pk.heatmap(change, folder / "forgetting.png", folder / "forgetting.svg")
    decomposition_picture(change, folder / "decomposition.png", folder / "decomposition.svg")
    terminal.print_comparison(change, folder, as_json)


def heatmap(
    folders: Annotated[list[Path], typer.Argument(help="Folders of one run or several, or their scores.csv.")],
    out: Annotated[Path, typer.Option(help="The picture: .png, .svg or .pdf.")] = Path("heatmap.png"),
) -> None:
    """Draw the heatmap again, from one run or several."""
    import pandas as pd

    import probekit as pk

    tables = [pk.read_scores(folder).table for folder in folders]
    pk.heatmap(pk.Scores(pd.concat(tables, ignore_index=True).drop_duplicates()), out)
    typer.echo(str(out))
