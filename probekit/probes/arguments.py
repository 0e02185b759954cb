"""Arguments: what probe, compare and trace all take, checked at the door."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields, replace
from inspect import signature
from pathlib import Path
from typing import Any

from probekit import doors
from probekit.corpora.passage import Corpus
from probekit.probes.fit import FitSettings
from probekit.states.settings import ExtractSettings
from probekit.states.states import States
from probekit.tasks.task import Task

ModelOrStates = str | Path | States
Subject = ModelOrStates | Sequence[ModelOrStates]
Seeds = int | Sequence[int]
TaskNames = str | Path | Task | Sequence[str | Path | Task]
CorpusNames = str | Path | Corpus | Sequence[str | Path | Corpus]


def subjects_of(parameter: str, given: Subject) -> list[str | States]:
    """Checkpoints by name, paths as names, and States. Raises InputError for anything else."""
    found: list[ModelOrStates] = doors.several(parameter, given, (str, Path, States))
    return [one if isinstance(one, States) else doors.text_of(one) for one in found]


def names_of(
    tasks: TaskNames, corpus: CorpusNames | None
) -> tuple[list[str | Path | Task], CorpusNames | None]:
    """The tasks and the corpora given. Raises InputError for anything that is neither a name, a
    path nor one made."""
    listed = doors.several("tasks", tasks, (str, Path, Task))
    return listed, corpus if corpus is None else doors.several(
        "corpus", corpus, (str, Path, Corpus)
    )


def check_settings(
    fit_settings: FitSettings | None,
    allow_modified: bool,
) -> None:
    """Raise InputError where one of what probe, compare and trace all take is something else."""
    doors.optional("fit_settings", fit_settings, FitSettings)
    doors.of_type("allow_modified", allow_modified, bool)


def reading(
    verb: Callable[..., object],
    extract_settings: ExtractSettings | None,
    options: Mapping[str, Any],
) -> ExtractSettings | None:
    """How checkpoints by name are read: the settings, with the fields that keyword options change,
    as for `extract`.

    Raises InputError for an option that is no field, with the nearest one or parameter of `verb`.
    """
    given = doors.optional("extract_settings", extract_settings, ExtractSettings)
    parameters = [name for name in signature(verb).parameters if name != "options"]
    doors.options(
        verb.__name__, options, [*parameters, *(one.name for one in fields(ExtractSettings))]
    )
    return replace(given or ExtractSettings(), **options) if options else given
