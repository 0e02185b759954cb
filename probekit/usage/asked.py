"""Asked: the model, the text and the tasks that a verb of this room is given, settled before any
work."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

from probekit import doors
from probekit.corpora.load import load_corpus
from probekit.corpora.passage import Corpus
from probekit.errors import InputError
from probekit.models.encoder_model import EncoderModel
from probekit.models.intervene import blocks_of
from probekit.models.loaded import LoadedModel, as_loaded
from probekit.models.model import Model, open_model
from probekit.probes.questions import ask_corpus, questions, refuse_trees
from probekit.progress import Progress
from probekit.states.extract import extract_from, layers_of
from probekit.states.settings import ExtractSettings
from probekit.states.states import States
from probekit.tasks.minimal_pairs import BehaviourQuestion
from probekit.tasks.question import Question
from probekit.tasks.task import Task, load_task


class Request(NamedTuple):
    """What a verb is given: see the parameters of `erase`; and whether tasks of behaviour may be
    among `tasks`."""

    model: Any
    task: Any
    tasks: Any
    corpus: Any
    behaviour: bool = False


@dataclass(frozen=True)
class Asked:
    """A model, a text and tasks.

    Attributes:
        model: the model, open.
        name: its name; None for one that is in memory.
        corpus: the text.
        questions: the task, then the others.
        behaviour: those of the others that ask a language model itself.
        layers: those that are changed while the model runs, in ascending order.
        settings: how the model is read: at all layers.
        warnings: what a reader must know of the corpus and the questions.
    """

    model: EncoderModel
    name: str | None
    corpus: Corpus
    questions: tuple[Question, ...]
    behaviour: tuple[BehaviourQuestion, ...]
    layers: tuple[int, ...]
    settings: ExtractSettings
    warnings: tuple[str, ...]

    def states(self, progress: Progress) -> States:
        """The states of all layers, as they are."""
        context = self.questions[0].task.context
        return extract_from(self.model, self.corpus, context, self.settings, progress)


def asked_of(
    request: Request, settings: ExtractSettings, allow_modified: bool, progress: Progress
) -> Asked:
    """Open the model, load the corpus and find the instances.

    Args:
        request: what the verb was given.
        settings: how the model is read; `layers` are those that are changed.
        allow_modified: accept corpus files that differ from their checksum.
        progress: called with the stage, the units done and how many there are.

    Raises InputError for arguments of another type, a model without layers that compute one
    another, a task that is not linear in its words, tasks of several contexts, and a layer that is
    not there; ModelError for a model whose states cannot be changed while it runs; TaskError where
    the corpus cannot carry a task.
    """
    subject: str | Path | LoadedModel = doors.of_type(
        "model", as_loaded(request.model), (str, Path, LoadedModel)
    )
    task: str | Path | Task = doors.of_type("task", request.task, (str, Path, Task))
    others = request.tasks
    if others not in ((), []):
        others = doors.several("tasks", others, (str, Path, Task))
    text = request.corpus
    if text is not None:
        doors.of_type("corpus", text, (str, Path, Corpus))
    first = task if isinstance(task, Task) else load_task(task)
    text = first.corpus if text is None else text
    if not isinstance(text, Corpus):
        text = load_corpus(text, allow_modified=allow_modified, progress=progress)
    found, warnings, behaviour = _questions([first, *others], text, request.behaviour)
    _require_linear(first)
    _require_one_context([*found, *behaviour])
    given = subject if isinstance(subject, LoadedModel) else doors.text_of(subject)
    name = given if isinstance(given, str) else None
    model = require_running(open_model(given, settings.encoder))
    layers = layers_of(settings.layers, model)
    blocks_of(model.encoder)  # refused here if it must be
    every = replace(settings, layers=())
    return Asked(model, name, text, tuple(found), tuple(behaviour), layers, every, tuple(warnings))


def _questions(
    tasks: Sequence[str | Path | Task], corpus: Corpus, behaviour: bool
) -> tuple[list[Question], list[str], list[BehaviourQuestion]]:
    """The questions of tasks, warnings, and those questions that ask a language model itself.

    Raises TaskError for these unless they are wanted.
    """
    if not behaviour:
        return *questions(tasks, corpus), []
    found = ask_corpus(tasks, corpus)
    refuse_trees(found.trees)
    return found.questions, found.warnings, found.behaviour


def require_running(model: Model) -> EncoderModel:
    """The model, if it computes its layers one from the other. Raises InputError for another."""
    if not isinstance(model, EncoderModel):
        raise InputError(
            f"'{model.name}' holds word vectors, and no layers that compute one another: nothing "
            "of it can be changed while it runs; give a checkpoint"
        )
    return model


def is_linear(task: Task) -> bool:
    """Whether the task's probes are linear in the words' vectors, so that a subspace holds it."""
    return not _read_by(task)


def _read_by(task: Task) -> str:
    """What makes the task's probes not linear in the words' vectors; empty if they are."""
    if task.features == "product":
        return "product"
    if task.span == "attention" and task.shape != "word":
        return "attention"
    return ""


def _require_linear(task: Task) -> None:
    """Raise InputError for a task whose probes are not linear in the words' vectors, or that has
    none."""
    if task.is_behaviour:
        raise InputError(
            f"task='{task.name}' asks a language model itself, so that no subspace of a layer "
            "holds it: it can be among the other tasks (tasks), which are only measured"
        )
    what = _read_by(task)
    if what:
        raise InputError(
            f"task='{task.name}' reads its words by {what}, so that no linear subspace of them "
            "holds it: it can be among the other tasks (tasks), which are only measured"
        )


def _require_one_context(asked: Sequence[Question | BehaviourQuestion]) -> None:
    """Raise InputError where tasks read words in different contexts."""
    first = asked[0].task
    for question in asked[1:]:
        if question.task.context != first.context:
            raise InputError(
                f"tasks: '{question.task.name}' reads {question.task.context}s and '{first.name}' "
                f"{first.context}s: what is changed for the one is not what the other reads"
            )
