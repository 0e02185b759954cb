"""Erase: erase a task's subspace from layers of the running model, and measure what breaks."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from probekit import doors
from probekit.corpora.load import load_corpus
from probekit.corpora.passage import Corpus
from probekit.errors import InputError
from probekit.models.loaded import LoadedModel, as_loaded
from probekit.models.model import open_model
from probekit.probes.arguments import Seeds, TaskNames, check_settings, reading
from probekit.probes.fit_settings import FitSettings
from probekit.probes.identity import name_of
from probekit.probes.plan import questions
from probekit.probes.record import fit_facts, measurement_of, versions
from probekit.progress import Progress, reporting
from probekit.results.run import Run
from probekit.states.extract import extract_from, layers_of
from probekit.states.settings import ExtractSettings
from probekit.tasks.question import Question
from probekit.tasks.task import Task, load_task
from probekit.usage.erasers import erasers_of, require_linear
from probekit.usage.erasure import ERASURE, Erasure
from probekit.usage.erasure_rows import erasure_rows
from probekit.usage.head import open_head
from probekit.usage.measuring import Measuring
from probekit.usage.running import Running, require_running


@reporting
def erase(  # noqa: PLR0913 - a public verb
    model: str | Path | LoadedModel,
    task: str | Path | Task,
    tasks: TaskNames = (),
    *,
    corpus: str | Path | Corpus | None = None,
    data: str | Path | None = None,
    seeds: Seeds = 1,
    extract_settings: ExtractSettings | None = None,
    fit_settings: FitSettings | None = None,
    allow_modified: bool = False,
    progress: Progress | bool = True,
    **options: Any,
) -> Erasure:
    """Erase what a layer linearly encodes of a task while the model runs, and measure what breaks.

    LEACE (Belrose et al. 2023), fitted on training words, is applied to the states of all words'
    subwords at one layer; the model computes the layers above from what is left (amnesic probing,
    Elazar et al. 2021). Then probes that were trained before read the layers from there
    on, and probes are trained again at the layer itself. Beside it, always, the same is done with
    as many random dimensions and with the subspace of the task's control labels.

    Args:
        model: a checkpoint: a name, a path, or a loaded transformers model.
        task: what is erased: a task whose linear probes read words or means of words.
        tasks: other tasks that are measured; the task itself always is.
        corpus: the text: a name, a path or a Corpus; by default that of the task.
        data: what the checkpoint's classification head labels, as for `finetune`; None for what it
            was fine-tuned on by `finetune`.
        seeds: of probes and random subspaces: their number, or the seeds.
        extract_settings: how the checkpoint is read; `layers` are those that are erased, one after
            another, by default all.
        fit_settings: how probes are trained.
        allow_modified: accept corpus files that differ from their checksum.
        progress: True for bars on standard error, False for silence, or a function that is called
            with the stage, the units done and the number of units.
        options: change single fields of `extract_settings` (`layers=(0, 6)` …).

    Returns the change of every score, with its interval over test sentences and its p-value.

    Raises InputError for a model without layers that compute one another, a task that has no linear
    subspace, and a layer that is not there; TaskError where the corpus cannot carry a task.
    """
    started = time.perf_counter()
    report = doors.function("progress", progress)
    subject = doors.several("model", model, (str, Path, LoadedModel), as_loaded)
    if len(subject) > 1:
        raise InputError(f"model takes one checkpoint, not {len(subject)}")
    name = subject[0] if isinstance(subject[0], LoadedModel) else doors.text_of(subject[0])
    erased = doors.of_type("task", task, (str, Path, Task))
    others = [] if tasks in ((), []) else doors.several("tasks", tasks, (str, Path, Task))
    doors.optional_of("corpus", corpus, (str, Path, Corpus))
    doors.optional_of("data", data, (str, Path))
    numbers = doors.seeds("seeds", seeds)
    settings = reading(erase, extract_settings, options) or ExtractSettings()
    check_settings(fit_settings, allow_modified)
    erased = erased if isinstance(erased, Task) else load_task(erased)
    text = corpus if corpus is not None else erased.corpus
    if not isinstance(text, Corpus):
        text = load_corpus(text, allow_modified=allow_modified, progress=report)
    asked, warnings = questions([erased, *others], text)
    _check_tasks(asked)
    opened = require_running(open_model(name, settings.encoder))
    layers = layers_of(settings.layers, opened)
    settings = replace(settings, layers=())
    head = None
    if isinstance(name, str):
        given = None if data is None else str(data)
        head, more = open_head(name, given, settings, opened.encoder.n_blocks, report)
        warnings += more
    elif data is not None:
        raise InputError("data is for the head of a checkpoint given by name")
    context = asked[0].task.context
    states = extract_from(opened, text, context, settings, report)
    warnings += states.warnings
    case = Measuring(states, asked, numbers, fit_settings or FitSettings(), report)
    found, notes = erasers_of(states, asked[0], layers, numbers)
    outcomes = case.retrained(found)
    try:
        outcomes += case.rerun(Running(opened, states), found, layers, head)
    finally:
        opened.release()
    about = {"model": states.model, "corpus": name_of(text)}
    run = Run(
        versions=versions(),
        settings={**fit_facts(("linear",), numbers, case.settings), "layers": layers},
        seconds={"all": time.perf_counter() - started},
        measurements=(measurement_of(states, asked, {"extract": states.seconds}),),
    )
    return Erasure(
        ERASURE.table(erasure_rows(outcomes, about)), run=run, warnings=(*warnings, *notes)
    )


def _check_tasks(asked: Sequence[Question]) -> None:
    """Raise InputError where the first task cannot be erased, or another reads other contexts."""
    first = asked[0].task
    require_linear(asked[0])
    for question in asked[1:]:
        if question.task.context != first.context:
            raise InputError(
                f"tasks: '{question.task.name}' reads {question.task.context}s and '{first.name}' "
                f"{first.context}s: what is erased from the one is not what the other reads"
            )
