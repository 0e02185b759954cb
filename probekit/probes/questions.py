"""Questions: what tasks ask of each corpus, settled before any work."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from probekit.corpora.load import load_corpus
from probekit.corpora.passage import Corpus
from probekit.corpora.tally import with_warnings
from probekit.errors import TaskError
from probekit.probes.arguments import CorpusNames, TaskNames
from probekit.progress import Progress
from probekit.tasks.minimal_pairs import BehaviourQuestion, ask_behaviour
from probekit.tasks.question import Question, ask
from probekit.tasks.shapes import carries
from probekit.tasks.task import Task, load_task, shipped_tasks
from probekit.tasks.trees import TreeQuestion, ask_trees


class Asked(NamedTuple):
    """What is asked of one corpus: tasks of probes, structural ones and those of behaviour, and
    what a reader must know of them."""

    questions: list[Question]
    warnings: list[str]
    trees: list[TreeQuestion]
    behaviour: list[BehaviourQuestion]


def ask_each_corpus(
    tasks: TaskNames, corpus: CorpusNames | None, allow_modified: bool, progress: Progress
) -> list[tuple[Corpus, Asked]]:
    """Each corpus, and what is asked of it.

    Raises what `load_corpus` and `ask_corpus` raise.
    """
    found = []
    for source, wanted in _by_corpus(tasks, corpus):
        loaded = source
        if not isinstance(loaded, Corpus):
            loaded = load_corpus(loaded, allow_modified=allow_modified, progress=progress)
        found.append((loaded, ask_corpus(wanted, loaded)))
    return found


def ask_corpus(tasks: TaskNames, corpus: Corpus) -> Asked:
    """What tasks ask of a corpus.

    Raises TaskError where the corpus cannot carry a task that was named, or any task.
    """
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


def questions(tasks: TaskNames, corpus: Corpus) -> tuple[list[Question], list[str]]:
    """Each task's instances in the corpus, and what a reader must know of them and of it.

    Raises TaskError where the corpus cannot carry a task that was named, or any task, and for
    structural tasks and tasks of behaviour.
    """
    asked = ask_corpus(tasks, corpus)
    refuse_trees(asked.trees)
    if asked.behaviour:
        names = ", ".join(question.task.name for question in asked.behaviour)
        raise TaskError(
            f"tasks of behaviour ({names}) train no probe, which is needed here: leave them out of "
            "tasks"
        )
    return asked.questions, asked.warnings


def refuse_trees(trees: Sequence[TreeQuestion]) -> None:
    """Raise TaskError where there are structural tasks, for verbs that need labels."""
    if trees:
        names = ", ".join(question.task.name for question in trees)
        raise TaskError(
            f"structural tasks ({names}) have no labels, which are needed here: leave them out of "
            "tasks"
        )


def _by_corpus(
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
