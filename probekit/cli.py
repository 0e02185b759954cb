"""The command line: parse, call one public verb, print."""

from __future__ import annotations

import gc
import sys
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, cast

import typer

from probekit.errors import InputError, ProbekitError, ProbekitWarning, unknown

if TYPE_CHECKING:
    from rich.console import Console

    from probekit.probes.scores import Scores

app = typer.Typer(
    name="probekit",
    help="What does each layer of a language model know? Probe any Hugging Face checkpoint, layer by layer.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
corpora_app = typer.Typer(help="List the corpora, with licence and whether they are here; or fetch one.")
cache_app = typer.Typer(help="List, verify or prune the cached hidden states.")
app.add_typer(corpora_app, name="corpora", invoke_without_command=True)
app.add_typer(cache_app, name="cache", invoke_without_command=True)

Json = Annotated[bool, typer.Option("--json", help="Print JSON to standard output, and nothing else there.")]
AllowModified = Annotated[
    bool, typer.Option(help="Accept corpus files that differ from their checksum; results are marked with '*'.")
]


def main() -> None:
    """Run the command line; a user's mistake is a line or two on standard error and exit status 2."""
    warnings.showwarning = _show_warning
    gc.set_threshold(100_000)  # a corpus is millions of small objects without cycles: walk over them less often
    try:
        app()
    except ProbekitError as error:
        typer.echo(f"error: {error}", err=True)
        sys.exit(2)
    except KeyboardInterrupt:
        typer.echo("stopped; finished states are kept, the same command goes on from there", err=True)
        sys.exit(130)


@app.command()
def probe(
    model: Annotated[list[str], typer.Option(help="Alias, hub id with @revision, or folder; repeat for several.")],
    task: Annotated[list[str], typer.Option(help="Names or TOML files, repeated or with commas; or 'all'.")],
    corpus: Annotated[
        list[str] | None, typer.Option(help="Names, files or folders. [default: the one each task names]")
    ] = None,
    layers: Annotated[str, typer.Option(help="Layers, such as 0,4,8-12. [default: all]")] = "",
    last_layer: Annotated[
        int | None, typer.Option(min=0, help="Read layers 0 to this one; those above are not run.")
    ] = None,
    probes: Annotated[str, typer.Option("--probe", help="linear, mlp, or both with a comma.")] = "linear",
    seeds: Annotated[int, typer.Option(min=1, help="Probes a layer, with seeds 0, 1, …")] = 1,
    pieces: Annotated[str, typer.Option(help="A word's vector from its pieces: mean, first or last.")] = "mean",
    span: Annotated[str, typer.Option(help="A span's vector: mean or ends. [default: as the task says]")] = "",
    device: Annotated[str, typer.Option(help="auto, cpu, cuda or mps.")] = "auto",
    dtype: Annotated[str, typer.Option(help="Of the computation: auto, float32; on a GPU float16, bfloat16.")] = "auto",
    store_dtype: Annotated[str, typer.Option(help="Of the cached states: float16 or float32.")] = "float16",
    batch_tokens: Annotated[int | None, typer.Option(min=1, help="Pieces a batch.")] = None,
    out: Annotated[Path | None, typer.Option(help="Folder for the results. [default: a new one]")] = None,
    allow_modified: AllowModified = False,
    allow_pickle: Annotated[bool, typer.Option(help="Load pickled weights, which can run code.")] = False,
    trust_remote_code: Annotated[bool, typer.Option(help="Run Python code that the checkpoint brings.")] = False,
    as_json: Json = False,
) -> None:
    """Train probes on every layer of a checkpoint; print a table, and write scores and a heatmap."""
    _check("--pieces", pieces, ("mean", "first", "last"))
    _check("--device", device, ("auto", "cpu", "cuda", "mps"))
    _check("--dtype", dtype, ("auto", "float32", "float16", "bfloat16"))
    _check("--store-dtype", store_dtype, ("float16", "float32"))
    kinds = _names([probes])
    for kind in kinds or [""]:
        _check("--probe", kind, ("linear", "mlp"))
    names = _names(task)
    if not names:
        raise InputError("--task needs a name, a TOML file, or 'all'")
    wanted = _layers(layers, last_layer)
    with _progress() as progress:
        import probekit as pk
        from probekit.probes.scores import make_folder

        folder = make_folder(_new_folder(out, model))

        encoder: Any = {"device": device, "dtype": dtype, "allow_pickle": allow_pickle}
        reading: Any = {"pieces": pieces, "store_dtype": store_dtype, "batch_tokens": batch_tokens}
        chosen: Any = {"probes": kinds, "tasks": _with_span(names, span)}
        scores = pk.probe(
            model,
            corpus=_names(corpus) if corpus else None,
            seeds=range(seeds),
            extract_settings=pk.ExtractSettings(
                layers=wanted,
                encoder=pk.EncoderSettings(**encoder, trust_remote_code=trust_remote_code),
                **reading,
            ),
            allow_modified=allow_modified,
            progress=progress,
            **chosen,
        )
    scores = _with_arguments(scores)
    scores.write(folder)
    pk.heatmap(scores, folder / "heatmap.png", folder / "heatmap.svg")
    _print_scores(scores, folder, as_json)


@app.command()
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


@app.command()
def tasks(as_json: Json = False) -> None:
    """List the tasks."""
    from probekit.tasks.task import shipped_tasks

    listed = [
        {"task": t.name, "title": t.title, "layer": t.layer, "metric": t.metric, "corpus": t.corpus, "reads": t.context}
        for t in shipped_tasks()
    ]
    _print_rows(listed, as_json, "Tasks (--task NAME; your own: --task ./mine.toml)")


@corpora_app.callback()
def corpora(context: typer.Context, as_json: Json = False) -> None:
    """List the corpora, with licence and whether they are here; or fetch one."""
    if context.invoked_subcommand:
        return
    from probekit.corpora.card import corpus_cards
    from probekit.corpora.fetch import on_disk

    listed = [
        {
            "corpus": card.name,
            "title": card.title,
            "licence": card.licence,
            "here": "yes" if on_disk(card) else "no",
            "layers": ", ".join(card.layers),
        }
        for card in corpus_cards()
    ]
    _print_rows(listed, as_json, "Corpora (--corpus NAME; your own: --corpus ./file.conllu)")


@corpora_app.command()
def fetch(
    names: Annotated[list[str], typer.Argument(help="Names of corpora.")], allow_modified: AllowModified = False
) -> None:
    """Download a corpus, verify it and keep it."""
    from probekit.corpora.card import load_card
    from probekit.corpora.fetch import fetch as fetch_corpus

    for name in names:
        card = load_card(name)
        typer.echo(f"{card.title}\nlicence: {card.licence}")
        with _progress() as progress:
            found = fetch_corpus(card, allow_modified=allow_modified, progress=progress)
        for path in found.paths.values():
            typer.echo(f"  {path}")


@cache_app.callback()
def cache(context: typer.Context, as_json: Json = False) -> None:
    """List, verify or prune the cached hidden states."""
    if context.invoked_subcommand:
        return
    from probekit.states.store import entries, states_root

    listed = [
        {
            "key": entry.folder.name,
            "corpus": entry.manifest["corpus"]["name"],
            "reads": entry.manifest["context"],
            "weights": entry.manifest["model"]["weights"][:8],
            "files": entry.files,
            "MB": round(entry.size / 1e6, 1),
            "written": time.strftime("%Y-%m-%d %H:%M", time.localtime(entry.used)),
        }
        for entry in entries()
    ]
    _print_rows(listed, as_json, f"States in {states_root()}")


@cache_app.command()
def verify() -> None:
    """Check every file against its checksum; exit status 1 where one is damaged."""
    from probekit.states.store import entries

    damaged = [path for entry in entries() for path in entry.damaged()]
    for path in damaged:
        typer.echo(f"damaged: {path} (it will be computed again when it is needed)")
    typer.echo(f"{len(damaged)} damaged" if damaged else "every file matches its checksum")
    raise typer.Exit(1 if damaged else 0)


@cache_app.command()
def prune(
    keys: Annotated[list[str] | None, typer.Argument(help="Keys as 'probekit cache' lists them.")] = None,
    everything: Annotated[bool, typer.Option("--all", help="All of them.")] = False,
) -> None:
    """Delete cached states."""
    from probekit.states.store import entries

    found = {entry.folder.name: entry for entry in entries()}
    if not keys and not everything:
        raise InputError("name the keys to delete, as 'probekit cache' lists them, or give --all")
    for key in found if everything else keys or ():
        if key not in found:
            raise InputError(unknown("key", key, found))
        found[key].remove()
        typer.echo(f"deleted {key} ({found[key].size / 1e6:.1f} MB)")


def _names(values: list[str]) -> list[str]:
    return [name.strip() for value in values for name in value.split(",") if name.strip()]


def _check(option: str, value: str, valid: tuple[str, ...]) -> None:
    if value not in valid:
        raise InputError(unknown(f"value of {option}", value, valid))


def _layers(text: str, last: int | None) -> tuple[int, ...]:
    """`0,4,8-12` as numbers; with `last`, 0 to that one."""
    if text and last is not None:
        raise InputError("give --layers or --last-layer, not both")
    if last is not None:
        return tuple(range(last + 1))
    chosen: list[int] = []
    for part in filter(None, text.split(",")):
        first, _, end = part.strip().partition("-")
        if not (first.isdigit() and (end or first).isdigit() and int(first) <= int(end or first)):
            raise InputError(f"--layers takes numbers and ranges such as 0,4,8-12, not '{text}'")
        chosen.extend(range(int(first), int(end or first) + 1))
    return tuple(chosen)


def _with_span(names: list[str], span: str) -> list[Any]:
    """The tasks, with another way to make a span's vector where one is given."""
    if not span:
        return list(names)
    from dataclasses import replace

    from probekit.tasks.task import load_task, shipped_tasks

    _check("--span", span, ("mean", "ends"))
    if "all" in names:
        raise InputError(f"--span needs tasks by name: {', '.join(task.name for task in shipped_tasks())}")
    return [replace(load_task(name), span=cast(Any, span)) for name in names]


def _new_folder(out: Path | None, models: list[str]) -> Path:
    if out is not None:
        if out.exists() and not out.is_dir():
            raise InputError(f"--out {out} is a file: give a folder")
        return out
    name = Path(models[0].rstrip("/")).name or "model"
    stem = f"{time.strftime('%Y%m%d-%H%M%S')}-{name}"
    folder = Path("probekit-runs") / stem
    for number in range(2, 1000):
        if not folder.exists():
            break
        folder = Path("probekit-runs") / f"{stem}-{number}"
    return folder


def _with_arguments(scores: Scores) -> Scores:
    from dataclasses import replace

    return replace(scores, run={"command": sys.argv, **scores.run})


@contextmanager
def _progress() -> Iterator[Any]:
    """Progress bars on standard error, a bar a stage."""
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        Progress,
        TaskProgressColumn,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )

    columns = (TextColumn("{task.description:>12}"), BarColumn(), TaskProgressColumn())
    with Progress(*columns, TimeElapsedColumn(), TimeRemainingColumn(), console=Console(stderr=True)) as bars:
        stages: dict[str, Any] = {}

        def report(stage: str, done: float, total: float) -> None:
            if stage not in stages or (done < total and bars.tasks[stages[stage]].finished):
                stages[stage] = bars.add_task(stage, total=total)
            bars.update(stages[stage], completed=done, total=total)

        yield report


def _print_scores(scores: Scores, folder: Path, as_json: bool) -> None:
    if as_json:
        sys.stdout.write(scores.table.to_json(orient="records", indent=1) + "\n")
        return
    from probekit.reports.table import score_table

    console = _console()
    for notice in scores.notices:
        console.print(f"note: {notice}", style="dim", highlight=False, markup=False)
    console.print(score_table(scores))
    console.print(
        f"written to {folder}: scores.csv, run.json, heatmap.png, heatmap.svg", highlight=False, soft_wrap=True
    )


def _print_rows(rows: list[dict[str, Any]], as_json: bool, title: str) -> None:
    if as_json:
        import json

        sys.stdout.write(json.dumps(rows, indent=1) + "\n")
        return
    from rich.markup import escape
    from rich.table import Table

    table = Table(title=title, title_justify="left")
    for heading in rows[0] if rows else ("nothing here yet",):
        table.add_column(heading)
    for row in rows:
        table.add_row(*(escape(str(value)) for value in row.values()))
    _console().print(table)


def _console() -> Console:
    from rich.console import Console

    wide = Console()
    # Into a file or a pipe a table keeps its columns, whatever the width of the terminal.
    return wide if wide.is_terminal else Console(width=160)


def _show_warning(message: Any, category: type[Warning], *where: Any, **more: Any) -> None:
    if issubclass(category, ProbekitWarning):
        typer.echo(f"notice: {message}", err=True)
