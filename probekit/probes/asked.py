"""Asked: names as people give them, of checkpoints, tasks and corpora, become states to read and instances to ask."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from functools import partial
from inspect import signature
from pathlib import Path
from typing import Any

from probekit import doors
from probekit.corpora.load import load_corpus
from probekit.corpora.passage import Context, Corpus
from probekit.corpora.tally import with_warnings
from probekit.errors import InputError, TaskError
from probekit.models.model import require_model
from probekit.probes.fit import FitSettings
from probekit.progress import Progress
from probekit.states.extract import extract, in_context
from probekit.states.settings import ExtractSettings
from probekit.states.states import States
from probekit.tasks.instances import TaskData, make_instances
from probekit.tasks.shapes import carries
from probekit.tasks.task import Task, load_task, shipped_tasks

StatesIn = Callable[[Context], States]
ModelOrStates = str | Path | States
Subject = ModelOrStates | Sequence[ModelOrStates]
Seeds = int | Sequence[int]
TaskNames = str | Path | Task | Sequence[str | Path | Task]
CorpusNames = str | Path | Corpus | Sequence[str | Path | Corpus]


@dataclass(frozen=True)
class Asked:
    """What is asked of several checkpoints about one corpus.

    Attributes:
        corpus: the corpus.
        checkpoints: for each, its name and what gives its states in a context.
        data: the tasks' instances.
        notices: what a reader must know of the corpus and the tasks.
    """

    corpus: Corpus
    checkpoints: Sequence[tuple[str, StatesIn]]
    data: list[TaskData]
    notices: list[str]

    def contexts(self) -> Iterator[tuple[Context, list[TaskData]]]:
        """The tasks that read in each context."""
        for context in dict.fromkeys(d.task.context for d in self.data):
            yield context, [d for d in self.data if d.task.context == context]


def subjects_of(parameter: str, given: Subject) -> list[str | States]:
    """Checkpoints by name, paths as names, and States. Raises InputError for anything else."""
    found: list[ModelOrStates] = doors.several(parameter, given, (str, Path, States))
    return [one if isinstance(one, States) else doors.text_of(one) for one in found]


def questions_of(tasks: TaskNames, corpus: CorpusNames | None) -> tuple[list[str | Path | Task], CorpusNames | None]:
    """The tasks and the corpora given. Raises InputError for anything that is neither a name, a path nor one made."""
    listed = doors.several("tasks", tasks, (str, Path, Task))
    return listed, corpus if corpus is None else doors.several("corpus", corpus, (str, Path, Corpus))


def check_settings(
    fit_settings: FitSettings | None,
    allow_modified: bool,
) -> None:
    """Raise InputError where one of what probe, compare and trace all take is something else."""
    doors.optional("fit_settings", fit_settings, FitSettings)
    doors.of_type("allow_modified", allow_modified, bool)


def reading(
    verb: Callable[..., object], extract_settings: ExtractSettings | None, options: Mapping[str, Any]
) -> ExtractSettings | None:
    """How checkpoints by name are read: the settings, with the fields that keyword options change, as for `extract`.

    Raises InputError for an option that is no field, with the nearest one or parameter of `verb`.
    """
    given = doors.optional("extract_settings", extract_settings, ExtractSettings)
    parameters = [name for name in signature(verb).parameters if name != "options"]
    doors.options(verb.__name__, options, [*parameters, *(one.name for one in fields(ExtractSettings))])
    return replace(given or ExtractSettings(), **options) if options else given


def ask(
    subjects: Sequence[str | States],
    tasks: TaskNames,
    corpus: CorpusNames | None,
    settings: ExtractSettings | None,
    allow_modified: bool,
    progress: Progress,
) -> Iterator[Asked]:
    """For each corpus what is asked of which checkpoints; of states, what they were made of.

    Instances come first, so that a task that cannot be asked is told before hours of extraction.
    """
    models = [name for name in subjects if isinstance(name, str)]
    ready = [states for states in subjects if isinstance(states, States)]
    if settings is not None and not models:
        raise InputError(
            "extract_settings and options such as layers are of checkpoints by name: states are read already"
        )
    for first in models[:1]:
        require_model(first)
    for same in _by_text_and_labels(ready):
        given = [(states.model, partial(in_context, states, progress=progress)) for states in same]
        yield Asked(same[0].corpus, given, *instances_of(tasks, same[0].corpus))
    for source, asked in by_corpus(tasks, corpus) if models else ():
        loaded = source
        if not isinstance(loaded, Corpus):
            loaded = load_corpus(loaded, allow_modified=allow_modified, progress=progress)
        named = [(model, _extracting(model, loaded, settings or ExtractSettings(), progress)) for model in models]
        yield Asked(loaded, named, *instances_of(asked, loaded))


def _by_text_and_labels(ready: list[States]) -> list[list[States]]:
    """States of one text with one annotation together, in the order of the first of each."""
    found: list[list[States]] = []
    for states in ready:
        for others in found:
            if _is_same(states.corpus, others[0].corpus):
                others.append(states)
                break
        else:
            found.append([states])
    return found


def _is_same(one: Corpus, other: Corpus) -> bool:
    if one is other:
        return True
    return one.fingerprint == other.fingerprint and one.annotation == other.annotation


def _extracting(model: str, corpus: Corpus, settings: ExtractSettings, progress: Progress) -> StatesIn:
    return lambda context: extract(model, corpus, context=context, settings=settings, progress=progress)


def instances_of(tasks: TaskNames, corpus: Corpus) -> tuple[list[TaskData], list[str]]:
    """The instances of each task, and what a reader must know of the corpus and them."""
    named, chosen, skipped = _choose(tasks, corpus)
    data: list[TaskData] = []
    for task in chosen:
        try:
            data.append(make_instances(task, corpus))
        except TaskError as error:
            if task.name in named or not all(corpus.splits.values()):
                raise
            skipped.append(f"{task.name}: skipped, {str(error).splitlines()[0]}")
    if not data:
        raise TaskError(with_warnings(f"the corpus '{corpus.name}' cannot carry any task", skipped))
    return data, [*corpus.notices, *(notice for d in data for notice in d.notices), *skipped]


def by_corpus(tasks: TaskNames, corpus: CorpusNames | None) -> list[tuple[str | Path | Corpus, TaskNames]]:
    """Corpora, each with the tasks to probe on it."""
    if corpus is not None:
        listed = [corpus] if isinstance(corpus, str | Path | Corpus) else list(corpus)
        return [(one, tasks) for one in listed]
    found: dict[str, list[Task]] = {}
    for task in _loaded(tasks):
        found.setdefault(task.corpus, []).append(task)
    return list(found.items())


def _loaded(tasks: TaskNames) -> list[Task]:
    """Each task once, in the order asked."""
    listed = [tasks] if isinstance(tasks, str | Path | Task) else list(tasks)
    found: dict[str, Task] = {}
    for item in listed:
        task = item if isinstance(item, Task) else load_task(item) if item != "all" else None
        for one in [task] if task else shipped_tasks():
            if found.setdefault(one.name, one) != one:
                raise TaskError(f"two different tasks are called '{one.name}': give one of them a 'name' of its own")
    return list(found.values())


def _choose(tasks: TaskNames, corpus: Corpus) -> tuple[set[str], list[Task], list[str]]:
    """The names given, and the tasks meant; for `"all"` those whose annotation the corpus has, and a warning of the
    others."""
    listed = [tasks] if isinstance(tasks, str | Path | Task) else list(tasks)
    named = {task.name for task in _loaded([item for item in listed if item != "all"])}
    chosen, skipped = [], []
    for task in _loaded(listed):
        if task.name in named or carries(task, corpus):
            chosen.append(task)
        else:
            skipped.append(f"{task.name}: skipped, '{corpus.name}' has no annotation '{task.annotation}'")
    if not chosen:
        annotations = ", ".join(sorted(corpus.word_annotations | corpus.span_annotations)) or "none"
        message = f"the corpus '{corpus.name}' cannot carry any task (its annotations: {annotations})"
        raise TaskError(corpus.with_warnings(message))
    return named, chosen, skipped
