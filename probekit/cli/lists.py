"""Commands that list, fetch and delete: tasks, corpora, cache."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Annotated

import typer

from probekit.cli import help, terminal
from probekit.cli.options import AllowModified, Json
from probekit.errors import InputError, unknown

if TYPE_CHECKING:
    from probekit.states.entries import StoreEntry

corpora_app = typer.Typer(rich_markup_mode=None)
cache_app = typer.Typer(rich_markup_mode=None)


def tasks(as_json: Json = False) -> None:
    """List the tasks that probekit ships.

    \b
      probekit tasks
    """
    from probekit.tasks.task import shipped_tasks

    listed = [
        {
            "task": task.name,
            "title": task.title,
            "annotation": task.annotation,
            "metric": task.metric,
            "corpus": task.corpus,
            "reads": task.context,
        }
        for task in shipped_tasks()
    ]
    terminal.print_rows(listed, as_json, "Tasks (--task NAME; your own: --task ./mine.toml)")


@corpora_app.callback()
def corpora(context: typer.Context, as_json: Json = False) -> None:
    """List the corpora that probekit ships, with their licences; or fetch one.

    \b
      probekit corpora
      probekit corpora fetch en_ewt
    """
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
            "annotations": ", ".join(card.annotations),
        }
        for card in corpus_cards()
    ]
    terminal.print_rows(
        listed, as_json, "Corpora (--corpus NAME; your own: --corpus ./file.conllu)"
    )


@corpora_app.command(cls=help.Command)
def fetch(
    names: Annotated[
        list[str],
        typer.Argument(
            metavar="NAME",
            help="Corpora that 'probekit corpora' lists.",
            rich_help_panel=help.CORPORA,
        ),
    ],
    allow_modified: AllowModified = False,
) -> None:
    """Download corpora, verify them and keep them.

    \b
      probekit corpora fetch en_ewt en_gum
    """
    from probekit.corpora.card import load_card
    from probekit.corpora.fetch import fetch as fetch_corpus
    from probekit.progress import shown

    for name in names:
        card = load_card(name)
        terminal.say(f"{card.title}\nlicence: {card.licence}")
        with shown(True) as report:
            found = fetch_corpus(card, allow_modified=allow_modified, progress=report)
        for path in found.paths.values():
            terminal.say(f"  {path}")


@cache_app.callback()
def cache(context: typer.Context, as_json: Json = False) -> None:
    """List the cached hidden states; verify or delete them.

    \b
      probekit cache
      probekit cache verify
    """
    if context.invoked_subcommand:
        return
    from probekit.places.states import place_of_states
    from probekit.states.entries import entries, remove_leftovers

    root = str(place_of_states())
    remove_leftovers()
    listed = [
        {
            "key": entry.key,
            **_of(entry),
            "files": entry.files,
            "MB": round(entry.size / 1e6, 1),
            "written": time.strftime("%Y-%m-%d %H:%M", time.localtime(entry.used)),
        }
        for entry in entries()
    ]
    if as_json:
        listed = [{**row, "folder": root} for row in listed]
    terminal.print_rows(listed, as_json, f"States in {root}")


def _of(entry: StoreEntry) -> dict[str, str]:
    """The models and corpora of a store, and how it was made; or what is wrong with it."""
    from probekit.states.store_names import read_names

    models, corpora = read_names(entry.place)
    found = {"model": ", ".join(models) or "–", "corpus": ", ".join(corpora) or "–"}
    manifest = entry.manifest
    try:
        layers = manifest["layers"]
        found |= {
            "weights": str(manifest["model"]["weights"])[:8],
            "text": str(manifest["corpus"]["text"])[:8],
            "site": str(layers["site"]),
            "stack": str(layers.get("stack", "")),
            "subwords": str(manifest["subwords"]),
            "reads": str(manifest["context"]),
            "computed in": str(manifest["computed_in"]),
            "stored in": str(manifest["dtype"]),
            "problem": entry.problem,
        }
    except (KeyError, TypeError, AttributeError):
        unread = ("weights", "site", "stack", "subwords", "reads", "computed in", "stored in")
        found |= {**dict.fromkeys(unread, ""), "problem": entry.problem or "of something unknown"}
    return found


@cache_app.command(cls=help.Command)
def verify() -> None:
    """Check every cached file against its checksum; exit status 1 where one is damaged.

    \b
      probekit cache verify
    """
    from probekit.states.entries import entries

    damaged = [found for entry in entries() for found in entry.damaged()]
    for path, problem in damaged:
        terminal.say(f"{path}: {problem}")
    if damaged:
        terminal.say(
            f"files damaged: {len(damaged)}; each is computed again when needed, and "
            "'probekit cache prune KEY' deletes its whole store"
        )
    else:
        terminal.say("every file matches its checksum")
    raise typer.Exit(1 if damaged else 0)


@cache_app.command(cls=help.Command)
def prune(
    keys: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="KEY",
            help="Keys as 'probekit cache' lists them, or their first characters.",
            rich_help_panel=help.KEYS,
        ),
    ] = None,
    everything: Annotated[
        bool,
        typer.Option(
            "--all",
            help="All hidden states, the parsed corpora, and the probes kept by compare.",
            rich_help_panel=help.KEYS,
        ),
    ] = False,
) -> None:
    """Delete cached hidden states.

    \b
      probekit cache prune 3f9a
      probekit cache prune --all
    """
    from probekit.corpora import parsed
    from probekit.states.entries import entries, remove_leftovers

    if not keys and not everything:
        raise InputError("name the keys to delete, as 'probekit cache' lists them, or give --all")
    found = {entry.key: entry for entry in entries()}
    chosen = list(found) if everything else [_key(given, list(found)) for given in keys or ()]
    for key in dict.fromkeys(chosen):
        found[key].remove()
        terminal.say(f"deleted {key} ({found[key].size / 1e6:.1f} MB)")
    if everything:
        from probekit.forgetting import kept_probes

        parsed.remove()
        kept_probes.remove()
    remove_leftovers()


def _key(given: str, keys: list[str]) -> str:
    """The only key that begins with these characters."""
    if given in keys:
        return given
    matching = [key for key in keys if given and key.startswith(given)]
    if len(matching) == 1:
        return matching[0]
    if matching:
        raise InputError(f"{len(matching)} keys begin with '{given}': give more characters")
    raise InputError(unknown("key", given, keys))
