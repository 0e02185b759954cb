"""States from: `--states-from`, for hidden states that another engine computed."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from probekit.cli import help
from probekit.errors import InputError

StatesFrom = Annotated[
    Path | None,
    typer.Option(
        metavar="FOLDER",
        help="Hidden states of the model from another engine such as vLLM, compared with "
        "transformers before use; with one --corpus. --layers says which they are.",
        rich_help_panel=help.MODEL,
    ),
]
FinalNorm = Annotated[
    bool,
    typer.Option(
        "--final-norm",
        help="With --states-from: apply the model's final norm to the last layer, as vLLM does "
        "not.",
        rich_help_panel=help.MODEL,
    ),
]


def with_states(
    given: dict[str, Any], tasks: list[Any], folder: Path | None, final_norm: bool
) -> dict[str, Any]:
    """What `probe` is given: the states in a folder in place of the model, where there is one.

    Args:
        given: `model`, `corpus`, `extract_settings` and `allow_modified` of `probe`.
        tasks: the tasks.
        folder: where the states are; None for none.
        final_norm: see `read_states`.

    Raises InputError for several models or corpora, and what `read_states` raises.
    """
    if folder is None:
        if final_norm:
            raise InputError("--final-norm is for --states-from")
        return given
    if given["extract_settings"].states == "none":
        raise InputError("--states-from reads states from a folder: leave --states out")
    models, corpora = given["model"], given["corpus"] or []
    if len(models) != 1 or len(corpora) != 1:
        raise InputError(
            "--states-from has the states of one model and one corpus: give one --model and one "
            "--corpus"
        )
    import probekit as pk

    contexts = {_context(task) for task in tasks}
    corpus = pk.load_corpus(corpora[0], allow_modified=given["allow_modified"])
    states = pk.read_states(
        folder,
        models[0],
        corpus,
        final_norm=final_norm,
        context="document" if contexts == {"document"} else "sentence",
        settings=given["extract_settings"],
    )
    return {"model": states, "allow_modified": given["allow_modified"]}


def _context(task: Any) -> str:
    """What a task's model reads in one pass."""
    from probekit.tasks.task import Task, load_task

    if task == "all":
        return "sentence"
    found = task if isinstance(task, Task) else load_task(task)
    return found.context
