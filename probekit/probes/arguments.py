"""Arguments: the parameters that probe, compare and trace share, checked first of all."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields, replace
from inspect import signature
from pathlib import Path
from typing import Any

from probekit import doors
from probekit.corpora.passage import Corpus
from probekit.errors import InputError
from probekit.models.loaded import LoadedModel, as_loaded
from probekit.probes.fit_settings import FitSettings
from probekit.states.settings import ExtractSettings
from probekit.states.states import States
from probekit.tasks.task import Task

ModelOrStates = str | Path | LoadedModel | States
Named = str | LoadedModel
Subject = ModelOrStates | Sequence[ModelOrStates]
Seeds = int | Sequence[int]
TaskNames = str | Path | Task | Sequence[str | Path | Task]
CorpusNames = str | Path | Corpus | Sequence[str | Path | Corpus]

SWEEPING = ("probe", "compare", "trace")
"""The verbs that can do without states on disk."""


def subjects_of(parameter: str, given: Any) -> list[Named | States]:
    """Checkpoints by name, paths as names, loaded models, and States.

    Raises InputError for anything else.
    """
    kinds = (str, Path, LoadedModel, States)
    found: list[ModelOrStates] = doors.several(parameter, given, kinds, as_loaded)
    return [doors.text_of(one) if isinstance(one, str | Path) else one for one in found]


def models_of(parameter: str, given: Any) -> list[Named]:
    """Checkpoints by name, paths as names, and loaded models. Raises InputError for anything
    else."""
    found = doors.several(parameter, given, (str, Path, LoadedModel), as_loaded)
    return [doors.text_of(one) if isinstance(one, str | Path) else one for one in found]


def names_of(
    tasks: TaskNames, corpus: CorpusNames | None
) -> tuple[list[str | Path | Task], CorpusNames | None]:
    """The tasks and the corpora given, as lists.

    Raises InputError for anything that is not a name, a path, a Task or a Corpus.
    """
    listed = doors.several("tasks", tasks, (str, Path, Task))
    return listed, listed_corpora("corpus", corpus)


def listed_corpora(parameter: str, given: CorpusNames | None) -> list[str | Path | Corpus] | None:
    """The corpora given, as a list; None where none are. Raises InputError for anything else."""
    if given is None:
        return None
    return doors.several(parameter, given, (str, Path, Corpus))


def check_settings(fit_settings: FitSettings | None, allow_modified: bool) -> None:
    """Raise InputError where one of the two has another type."""
    doors.optional("fit_settings", fit_settings, FitSettings)
    doors.of_type("allow_modified", allow_modified, bool)


def reading(
    verb: Callable[..., object],
    extract_settings: ExtractSettings | None,
    options: Mapping[str, Any],
) -> ExtractSettings | None:
    """How checkpoints given by name are read: the settings, changed by keyword options.

    Raises InputError for an option that is not a field, with the nearest field or parameter of
    `verb`, and for a verb that needs states on disk where these are not kept.
    """
    given = doors.optional("extract_settings", extract_settings, ExtractSettings)
    parameters = [name for name in signature(verb).parameters if name != "options"]
    doors.options(
        verb.__name__, options, [*parameters, *(one.name for one in fields(ExtractSettings))]
    )
    settings = replace(given or ExtractSettings(), **options) if options else given
    if settings is not None and settings.states == "none" and verb.__name__ not in SWEEPING:
        raise InputError(
            "states='none' reads each layer once, and erasing, ranking neurons and attributing "
            "read layers more than once: use states='stored'"
        )
    return settings
