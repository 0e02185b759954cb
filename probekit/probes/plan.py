"""Plan: which tasks are measured on which checkpoints, settled before any work.

Every name is resolved once: models are opened, corpora read and instances made, so that a mistake
shows at once.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import NamedTuple, TypeVar

from probekit.corpora.load import load_corpus
from probekit.corpora.passage import Context, Corpus
from probekit.corpora.tally import with_warnings
from probekit.errors import InputError, ModelError, TaskError
from probekit.models.loaded import name_of
from probekit.models.model import Model, open_model, require_model
from probekit.probes.arguments import CorpusNames, Named, TaskNames
from probekit.progress import Progress
from probekit.states.extract import in_context
from probekit.states.reading import read_each, require_readable
from probekit.states.settings import ExtractSettings
from probekit.states.states import States
from probekit.tasks.minimal_pairs import BehaviourQuestion, ask_behaviour
from probekit.tasks.question import Question, ask
from probekit.tasks.shapes import carries
from probekit.tasks.task import Task, load_task, shipped_tasks
from probekit.tasks.trees import TreeQuestion, ask_trees

ReadIn = Callable[[Sequence[Context]], list[States]]
AnyOf = TypeVar("AnyOf", Question, Question | TreeQuestion)


@dataclass(frozen=True)
class Plan:
    """Questions about one corpus, and the checkpoints that are probed for them.

    Attributes:
        corpus: the corpus.
        checkpoints: for each, its name and what gives its states in several contexts, with its
            weights loaded at most once. Raises ModelError where the model cannot be used.
        questions: the tasks and their instances.
        warnings: what a reader must know of the corpus and the questions.
        trees: the structural tasks and their trees.
        behaviour: the tasks of behaviour and what they ask.
        models: the checkpoints themselves, for these: in the order of `checkpoints`, or why one
            cannot be opened.
    """

    corpus: Corpus
    checkpoints: Sequence[tuple[str, ReadIn]]
    questions: list[Question]
    warnings: list[str]
    trees: Sequence[TreeQuestion] = ()
    behaviour: Sequence[BehaviourQuestion] = ()
    models: Sequence[tuple[str, Model | ModelError]] = ()

    def contexts(self) -> dict[Context, list[Question]]:
        """The questions of each context."""
        return by_context(self.questions)

    def everything(self) -> dict[Context, list[Question | TreeQuestion]]:
        """The questions of each context, also the structural ones."""
        return by_context([*self.questions, *self.trees])


def by_context(questions: Sequence[AnyOf]) -> dict[Context, list[AnyOf]]:
    """The questions of each context."""
    found: dict[Context, list[AnyOf]] = {}
    for question in questions:
        found.setdefault(question.task.context, []).append(question)
    return found


def labels_and_trees(
    questions: Sequence[Question | TreeQuestion],
) -> tuple[list[Question], list[TreeQuestion]]:
    """The questions about labels, and the structural ones."""
    labels = [question for question in questions if isinstance(question, Question)]
    trees = [question for question in questions if isinstance(question, TreeQuestion)]
    return labels, trees


def plan(
    subjects: Sequence[Named | States],
    tasks: TaskNames,
    corpus: CorpusNames | None,
    settings: ExtractSettings | None,
    allow_modified: bool,
    progress: Progress,
    may_fail: Collection[Named | States] = (),
) -> list[Plan]:
    """A plan for each corpus; states belong to the corpus that they were extracted from.

    Raises what opening models, loading corpora and making instances raise. A model of
    `may_fail` that cannot be opened raises only when its states are asked for, unless all of these
    fail.
    """
    names = [one for one in subjects if not isinstance(one, States)]
    ready = [states for states in subjects if isinstance(states, States)]
    if settings is not None and not names:
        raise InputError(
            "extract_settings and options such as layers are for checkpoints given by name: "
            "states have been read already"
        )
    if corpus is not None and not names:
        raise InputError(
            "corpus is for checkpoints given by name: states have been read already, each from "
            "its own corpus"
        )
    settings = settings or ExtractSettings()
    for name in names:
        if isinstance(name, str):
            require_model(name)
    plans: list[Plan] = []
    for same in _by_text_and_labels(ready):
        given = [(states.model, partial(_read_again, states, progress)) for states in same]
        asked = asked_of(tasks, same[0].corpus)
        if asked.behaviour:
            raise _needs_a_name(asked.behaviour, same[0].model)
        plans.append(Plan(same[0].corpus, given, asked.questions, asked.warnings, asked.trees))
    by_name = _asked(tasks, corpus, allow_modified, progress) if names else []
    models = _opened(names, settings, may_fail)
    for loaded, asked in by_name:
        named: list[tuple[str, ReadIn]] = []
        for name, model in models:
            named.append((name, partial(_read, model, loaded, settings, progress)))
        plans.append(
            Plan(
                loaded,
                named,
                asked.questions,
                asked.warnings,
                asked.trees,
                asked.behaviour,
                models,
            )
        )
    return plans


class Asked(NamedTuple):
    """What is asked of one corpus: tasks of probes, structural ones and those of behaviour, and
    what a reader must know of them."""

    questions: list[Question]
    warnings: list[str]
    trees: list[TreeQuestion]
    behaviour: list[BehaviourQuestion]


def _needs_a_name(asked: Sequence[BehaviourQuestion], model: str) -> InputError:
    names = ", ".join(question.task.name for question in asked)
    return InputError(
        f"tasks of behaviour ({names}) ask a language model, and states of '{model}' are vectors: "
        "give the checkpoint"
    )


def _asked(
    tasks: TaskNames, corpus: CorpusNames | None, allow_modified: bool, progress: Progress
) -> list[tuple[Corpus, Asked]]:
    """Each corpus, and what is asked of it."""
    found = []
    for source, wanted in by_corpus(tasks, corpus):
        loaded = source
        if not isinstance(loaded, Corpus):
            loaded = load_corpus(loaded, allow_modified=allow_modified, progress=progress)
        found.append((loaded, asked_of(wanted, loaded)))
    return found


def _opened(
    names: Sequence[Named], settings: ExtractSettings, may_fail: Collection[Named | States]
) -> list[tuple[str, Model | ModelError]]:
    """Each model; or, for those that may fail, why it cannot be opened, unless all of them fail."""
    found: list[tuple[str, Model | ModelError]] = []
    failed = 0
    for name in names:
        try:
            model = open_model(name, settings.encoder)
            require_readable(model, settings)
            found.append((name_of(name), model))
        except ModelError as error:
            failed += 1
            if name not in may_fail or failed == len(may_fail):
                raise
            found.append((name_of(name), error))
    return found


def _read(
    model: Model | ModelError,
    corpus: Corpus,
    settings: ExtractSettings,
    progress: Progress,
    contexts: Sequence[Context],
) -> list[States]:
    if isinstance(model, ModelError):
        raise model
    return read_each(model, corpus, contexts, settings, progress)


def _read_again(states: States, progress: Progress, contexts: Sequence[Context]) -> list[States]:
    return [in_context(states, context, progress=progress) for context in contexts]


def _by_text_and_labels(ready: list[States]) -> list[list[States]]:
    """States grouped by text and annotation, in the order of the first of each."""
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


def questions(tasks: TaskNames, corpus: Corpus) -> tuple[list[Question], list[str]]:
    """Each task's instances in the corpus, and what a reader must know of them and of it.

    Raises TaskError where the corpus cannot carry a task that was named, or any task, and for
    structural tasks and tasks of behaviour.
    """
    asked = asked_of(tasks, corpus)
    refuse_trees(asked.trees)
    if asked.behaviour:
        names = ", ".join(question.task.name for question in asked.behaviour)
        raise TaskError(
            f"tasks of behaviour ({names}) are for `probe`, `compare`, `trace` and `erase`: "
            "leave them out of tasks"
        )
    return asked.questions, asked.warnings


def refuse_trees(trees: Sequence[TreeQuestion]) -> None:
    """Raise TaskError where there are structural tasks, for verbs that need labels."""
    if trees:
        names = ", ".join(question.task.name for question in trees)
        raise TaskError(
            f"structural tasks ({names}) are for `probe`, `compare` and `trace`: "
            "leave them out of tasks"
        )


def asked_of(tasks: TaskNames, corpus: Corpus) -> Asked:
    """Likewise, with the structural tasks and those of behaviour."""
    named, chosen, skipped = _choose(tasks, corpus)
    found = Asked([], [], [], [])
    for task in chosen:
        if task.is_structural:
            found.trees.append(ask_trees(task, corpus))
            continue
        if task.is_behaviour:
            found.behaviour.append(ask_behaviour(task, corpus))
            continue
        try:
            found.questions.append(ask(task, corpus))
        except TaskError as error:
            if task.name in named or not all(corpus.splits.values()):
                raise
            skipped.append(f"{task.name}: skipped, {str(error).splitlines()[0]}")
    if not (found.questions or found.trees or found.behaviour):
        raise TaskError(with_warnings(f"the corpus '{corpus.name}' cannot carry any task", skipped))
    found.warnings.extend(corpus.warnings)
    every: list[Question | TreeQuestion | BehaviourQuestion] = [
        *found.questions,
        *found.trees,
        *found.behaviour,
    ]
    for question in every:
        found.warnings.extend(question.warnings)
    found.warnings.extend(skipped)
    return found


def by_corpus(
    tasks: TaskNames, corpus: CorpusNames | None
) -> list[tuple[str | Path | Corpus, TaskNames]]:
    """Corpora, each with the tasks to probe on it."""
    if corpus is not None:
        listed = [corpus] if isinstance(corpus, str | Path | Corpus) else list(corpus)
        return [(one, tasks) for one in listed]
    found: dict[str, list[Task]] = {}
    for task in _loaded(tasks):
        found.setdefault(task.corpus, []).append(task)
    return list(found.items())


def _loaded(tasks: TaskNames) -> list[Task]:
    """Each task once, in the order given."""
    listed = [tasks] if isinstance(tasks, str | Path | Task) else list(tasks)
    found: dict[str, Task] = {}
    for item in listed:
        for one in _meant(item):
            if found.setdefault(one.name, one) != one:
                raise TaskError(
                    f"two different tasks are called '{one.name}': give one of them another 'name'"
                )
    return list(found.values())


def _meant(item: str | Path | Task) -> list[Task]:
    if isinstance(item, Task):
        return [item]
    if item != "all":
        return [load_task(item)]
    return [task for task in shipped_tasks() if task.is_labelling]


def _choose(tasks: TaskNames, corpus: Corpus) -> tuple[set[str], list[Task], list[str]]:
    """The names given, the tasks they mean, and a warning for each task that is skipped.

    `"all"` means the tasks whose annotation the corpus has.
    """
    listed = [tasks] if isinstance(tasks, str | Path | Task) else list(tasks)
    by_name = [item for item in listed if item != "all"]
    named = {task.name for task in _loaded(by_name)}
    chosen, skipped = [], []
    for task in _loaded(listed):
        if task.name in named or carries(task, corpus):
            chosen.append(task)
        else:
            skipped.append(
                f"{task.name}: skipped, '{corpus.name}' has no annotation '{task.annotation}'"
            )
    if not chosen:
        annotations = ", ".join(sorted(corpus.word_annotations | corpus.span_annotations)) or "none"
        message = (
            f"the corpus '{corpus.name}' cannot carry any task (its annotations: {annotations})"
        )
        raise TaskError(corpus.with_warnings(message))
    return named, chosen, skipped
