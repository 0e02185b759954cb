"""Elsewhere: scores on the test split of another corpus than the one that probes are trained on."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from probekit.corpora.load import load_to_test
from probekit.corpora.passage import Corpus
from probekit.errors import TaskError
from probekit.probes import identity
from probekit.probes.batches import Runs
from probekit.probes.evaluate import Evaluated, evaluate
from probekit.probes.evidence import Found
from probekit.probes.fit_settings import FitSettings
from probekit.probes.fitted import Fitted
from probekit.probes.in_turn import in_turn
from probekit.probes.scoring import about_probes, baselines, scored_probes
from probekit.probes.seen_rows import seen_rows
from probekit.progress import Progress
from probekit.states.reading import of_corpus
from probekit.states.states import States
from probekit.states.vectors import Vectors
from probekit.tasks.question import Instances, Question, ask_elsewhere
from probekit.tasks.task import Task


@dataclass(frozen=True)
class Elsewhere:
    """Another corpus that probes are scored on.

    Attributes:
        corpus: the one tested.
        words: training and dev of the corpus trained on, and the test split of the one tested.
        questions: those about the corpus trained on, with the test instances of the other, by the
            name of the task.
        warnings: one sentence each.
    """

    corpus: Corpus
    words: Corpus
    questions: dict[str, Question]
    warnings: tuple[str, ...]

    @property
    def columns(self) -> dict[str, str]:
        """The columns of a row that identify the corpus tested."""
        fingerprint = identity.of_corpus(self.corpus)["corpus_fingerprint"]
        return {"test_corpus": identity.name_of(self.corpus), "test_fingerprint": fingerprint}


def corpora_of(
    names: Sequence[str | Path | Corpus] | None, allow_modified: bool, progress: Progress
) -> list[Corpus]:
    """The corpora to test. Raises what loading a corpus raises."""
    found = []
    for one in names or []:
        loaded = one
        if not isinstance(loaded, Corpus):
            loaded = load_to_test(loaded, allow_modified, progress)
        found.append(loaded)
    return found


def elsewhere(
    questions: Sequence[Question], trained_on: Corpus, tested: Corpus, skips: bool
) -> Elsewhere:
    """The same questions with the test instances of another corpus.

    Args:
        questions: those about the corpus trained on.
        trained_on: that corpus.
        tested: the other one.
        skips: whether a task that the other corpus cannot carry is left out with a warning, unless
            it can carry none.

    Raises TaskError for a task that the other corpus cannot carry.
    """
    found: dict[str, Question] = {}
    warnings = list(tested.warnings)
    for question in questions:
        try:
            there = ask_elsewhere(question, tested)
        except TaskError as error:
            if not skips:
                raise TaskError(f"test_corpus='{tested.name}': {error}") from error
            warnings.append(f"{question.task.name}: not tested on '{tested.name}', {error}")
            continue
        found[question.task.name] = there
        warnings += there.warnings
    if not found:
        raise TaskError(f"test_corpus='{tested.name}': it cannot carry any of the tasks")
    splits = {**trained_on.splits, "test": tested.splits["test"]}
    return Elsewhere(tested, Corpus(tested.name, splits), found, tuple(warnings))


def scored_elsewhere(
    states: States,
    trained: Sequence[Fitted],
    settings: FitSettings,
    other: Elsewhere,
    progress: Progress,
) -> Found:
    """Scores of trained probes and of baselines on another corpus.

    Args:
        states: the vectors that the probes were trained on.
        trained: probes of single layers.
        settings: how they were trained.
        other: the corpus.
        progress: called while the states of the other corpus are extracted.
    """
    found = Found(tables={"seen": []})
    there = of_corpus(states, other.corpus, progress=progress)
    found.warnings.extend(there.warnings)
    mine = [fitted for fitted in trained if fitted.question.task.name in other.questions]
    for name in dict.fromkeys(fitted.question.task.name for fitted in mine):
        answers = baselines(states, other.questions[name], other.words)
        found.rows.extend(replace(each.about, **other.columns) for each in answers)
    for fitted in _evaluated(mine, other, there):
        answers = scored_probes(states, fitted, settings)
        found.rows.extend(replace(each.about, **other.columns) for each in answers)
        about = {**about_probes(states, fitted, settings), **other.columns}
        found.tables["seen"] += seen_rows(fitted, other.words, about)
    return found


def _evaluated(mine: Sequence[Fitted], other: Elsewhere, there: States) -> Iterator[Fitted]:
    """The probes with what they predict of the other corpus."""
    stacks = {id(stack): (layers, stack) for fitted in mine for layers, stack in fitted.stacks}
    evaluated: dict[int, dict[str, Evaluated]] = {}
    for vectors, views in in_turn(there):
        at_hand = {view.layer for view in views}
        for number, (layers, stack) in stacks.items():
            if at_hand.issuperset(layers):
                evaluated[number] = _by_task(stack, layers, other, vectors)
    for fitted in mine:
        name = fitted.question.task.name
        parts = [evaluated[id(stack)][name] for _, stack in fitted.stacks]
        yield replace(
            fitted,
            question=other.questions[name],
            predictions=np.concatenate([part.predictions for part in parts]),
            losses=np.concatenate([part.losses for part in parts]),
            refits=None,
        )


def _by_task(
    stack: Any, layers: Sequence[int], other: Elsewhere, there: Vectors
) -> dict[str, Evaluated]:
    """What a stack makes of the other corpus, by the name of the task.

    A stack may hold several questions about one task: the one on gold labels comes first.
    """
    instances = []
    for task in stack.tasks:
        question = other.questions.get(task.name)
        instances.append(question.splits["test"] if question else _none(task, other))
    runs = Runs(there, "test", instances)
    found: dict[str, Evaluated] = {}
    for task, one in zip(stack.tasks, evaluate(stack, runs, layers), strict=True):
        found.setdefault(task.name, one)
    return found


def _none(task: Task, other: Elsewhere) -> Instances:
    """No instance, of a task that the other corpus cannot carry."""
    any_question = next(iter(other.questions.values()))
    none = any_question.splits["test"].take(np.empty(0, dtype=np.int64))
    return replace(none, spans=np.empty((0, task.arity, 2), dtype=np.int64))
