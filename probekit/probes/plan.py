"""Plan: which tasks are measured on which checkpoints, settled before any work.

Every name is resolved once: models are opened, corpora read and instances made, so that a mistake
shows at once.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TypeVar

from probekit.corpora.passage import Context, Corpus
from probekit.errors import InputError, ModelError
from probekit.models.loaded import name_of
from probekit.models.model import Model, open_model, require_model
from probekit.probes.arguments import CorpusNames, Named, TaskNames
from probekit.probes.questions import Asked, ask_corpus, ask_each_corpus
from probekit.progress import Progress
from probekit.states.extract import in_context
from probekit.states.reading import read_each, require_readable
from probekit.states.settings import ExtractSettings
from probekit.states.states import States
from probekit.tasks.minimal_pairs import BehaviourQuestion
from probekit.tasks.question import Question
from probekit.tasks.trees import TreeQuestion

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
    for name in names:
        if isinstance(name, str):
            require_model(name)
    plans = [_of_states(same, tasks, progress) for same in _by_text_and_labels(ready)]
    if not names:
        return plans
    settings = settings or ExtractSettings()
    asked_of_each = ask_each_corpus(tasks, corpus, allow_modified, progress)
    models = _opened(names, settings, may_fail)
    for loaded, asked in asked_of_each:
        plans.append(_of_models(models, loaded, asked, settings, progress))
    return plans


def _of_states(ready: Sequence[States], tasks: TaskNames, progress: Progress) -> Plan:
    """The plan for states of one corpus."""
    corpus = ready[0].corpus
    checkpoints = [(states.model, partial(_read_again, states, progress)) for states in ready]
    asked = ask_corpus(tasks, corpus)
    if asked.behaviour:
        raise _needs_a_name(asked.behaviour, ready[0].model)
    return Plan(corpus, checkpoints, asked.questions, asked.warnings, asked.trees)


def _of_models(
    models: Sequence[tuple[str, Model | ModelError]],
    corpus: Corpus,
    asked: Asked,
    settings: ExtractSettings,
    progress: Progress,
) -> Plan:
    """The plan for models that were given by name."""
    checkpoints: list[tuple[str, ReadIn]] = []
    for name, model in models:
        checkpoints.append((name, partial(_read, model, corpus, settings, progress)))
    return Plan(
        corpus,
        checkpoints,
        asked.questions,
        asked.warnings,
        asked.trees,
        asked.behaviour,
        models,
    )


def _needs_a_name(asked: Sequence[BehaviourQuestion], model: str) -> InputError:
    names = ", ".join(question.task.name for question in asked)
    return InputError(
        f"tasks of behaviour ({names}) ask a language model, and states of '{model}' are vectors: "
        "give the checkpoint"
    )


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
