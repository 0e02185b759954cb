"""Parsed: what values of options say. Each raises InputError for one that cannot be used."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

from probekit.cli.options import Form
from probekit.errors import InputError
from probekit.paths import path_of


def names_of_tasks(values: list[str]) -> list[str]:
    """The names in `--task`."""
    found = names(values)
    if not found:
        raise InputError("--task needs a name, a TOML file, or 'all'")
    return found


def names_of_corpora(values: list[str] | None) -> list[str] | None:
    """The names in `--corpus`, or None where it is not given."""
    if values is None:
        return None
    found = names(values)
    if not found:
        raise InputError(
            "--corpus needs a name, a file or a folder; without it each task reads its own"
        )
    return found


def names(values: list[str]) -> list[str]:
    """The names in an option that is repeated or has commas."""
    return [name.strip() for value in values for name in value.split(",") if name.strip()]


def form(as_json: bool, latex: bool) -> Form:
    """How results are printed. Raises InputError for two ways at once."""
    if as_json and latex:
        raise InputError("give --json or --latex, not both")
    return "json" if as_json else "latex" if latex else "table"


def with_span(
    names: list[str], span: Literal["mean", "ends", "last", "attention", "head"] | None
) -> list[Any]:
    """The tasks, with another way to make a span's vector where one is given."""
    if span is None:
        return list(names)
    from dataclasses import replace

    from probekit.tasks.task import load_task, shipped_tasks

    if "all" in names:
        names_of_all = [task.name for task in shipped_tasks() if task.is_labelling]
        raise InputError(f"--span needs tasks by name: {', '.join(names_of_all)}")
    tasks = [load_task(name) for name in names]
    without = [task.name for task in tasks if not task.is_labelling]
    if without:
        raise InputError(f"--span is for tasks of labels, and not for {', '.join(without)}")
    return [replace(task, span=span) for task in tasks]


def tracked(track: Path | None) -> Path | None:
    """The folder in `--track`. Raises InputError where it is a file, or tensorboard is missing."""
    if track is None:
        return None
    from probekit.reports.track import require_tensorboard

    require_tensorboard()
    path = path_of(track)
    if path.exists() and not path.is_dir():
        raise InputError(f"--track {track} is a file: give a folder")
    return path
