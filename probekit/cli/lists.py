"""Commands that list and keep house: tasks, corpora, cache."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated, Any

import typer

from probekit.cli import terminal
from probekit.cli.options import AllowModified, Json
from probekit.errors import InputError, unknown

corpora_app = typer.Typer(
    help="List the corpora, with licence and whether they are here; or fetch one.", rich_markup_mode=None
)
cache_app = typer.Typer(help="List, verify or prune the cached hidden states.", rich_markup_mode=None)


def tasks(as_json: Json = False) -> None:
    """List the tasks."""
    from probekit.tasks.task import shipped_tasks

    listed = [
        {"task": t.name, "title": t.title, "layer": t.layer, "metric": t.metric, "corpus": t.corpus, "reads": t.context}
        for t in shipped_tasks()
    ]
    terminal.print_rows(listed, as_json, "Tasks (--task NAME; your own: --task ./mine.toml)")


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
    terminal.print_rows(listed, as_json, "Corpora (--corpus NAME; your own: --corpus ./file.conllu)")


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
        with terminal.progress() as progress:
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
            **_of(entry.folder, entry.manifest),
            "files": entry.files,
            "MB": round(entry.size / 1e6, 1),
            "written": time.strftime("%Y-%m-%d %H:%M", time.localtime(entry.used)),
        }
        for entry in entries()
    ]
    terminal.print_rows(listed, as_json, f"States in {states_root()}")


def _of(folder: Path, manifest: dict[str, Any]) -> dict[str, str]:
    """What a store is of: the names asked for, and what tells apart stores that were asked for by one name."""
    from probekit.states.named import names_in

    models, corpora = names_in(folder)
    layers = manifest.get("layers", {})  # not in those of earlier versions
    return {
        "model": ", ".join(models) or "–",
        "weights": manifest.get("model", {}).get("weights", "")[:8],
        "site": layers.get("site", ""),
        "stack": layers.get("stack", ""),
        "pieces": manifest.get("pieces", ""),
        "corpus": ", ".join(corpora) or "–",
        "reads": manifest.get("context", ""),
        "computed in": manifest.get("computed_in", ""),
        "stored in": manifest.get("dtype", ""),
    }


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
    keys: Annotated[
        list[str] | None, typer.Argument(help="Keys as 'probekit cache' lists them, or how they begin.")
    ] = None,
    everything: Annotated[bool, typer.Option("--all", help="All of them.")] = False,
) -> None:
    """Delete cached states."""
    from probekit.states.store import entries

    found = {entry.folder.name: entry for entry in entries()}
    if not keys and not everything:
        raise InputError("name the keys to delete, as 'probekit cache' lists them, or give --all")
    for given in found if everything else keys or ():
        meant = [key for key in found if key.startswith(given)]
        if len(meant) != 1:
            raise InputError(f"'{given}' begins {len(meant)} keys: name one" if meant else unknown("key", given, found))
        (key,) = meant
        found[key].remove()
        typer.echo(f"deleted {key} ({found[key].size / 1e6:.1f} MB)")
