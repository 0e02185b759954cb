"""Erase: erase a task's subspace from layers of the running model, and measure what breaks."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from probekit import doors
from probekit.corpora.passage import Corpus
from probekit.models.loaded import LoadedModel
from probekit.probes.arguments import Seeds, TaskNames, check_settings, reading
from probekit.probes.behaviour.behaviour_settings import behaviour_settings
from probekit.probes.fit_settings import FitSettings, fit_settings_of
from probekit.probes.identity import name_of
from probekit.probes.record import fit_facts, measurement_of, versions
from probekit.progress import Progress, reporting
from probekit.results.run import Run
from probekit.states.settings import ExtractSettings
from probekit.tasks.task import Task
from probekit.usage.asked import Request, asked_of
from probekit.usage.erasure import ERASURE, Erasure
from probekit.usage.erasure_rows import erasure_rows
from probekit.usage.language_model import open_behaving
from probekit.usage.outcomes import Measured, outcomes, own_head


@reporting
def erase(  # noqa: PLR0913 - a public verb
    model: str | Path | LoadedModel,
    task: str | Path | Task,
    tasks: TaskNames = (),
    *,
    corpus: str | Path | Corpus | None = None,
    data: str | Path | None = None,
    lm_head: str | Path | None = None,
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
        tasks: other tasks that are measured; the task itself always is. Tasks of behaviour
            (`bits`, `agreement` …) ask the checkpoint's language model.
        corpus: the text: a name, a path or a Corpus; by default that of the task.
        data: what the checkpoint's classification head labels, as for `finetune`; None for what it
            was fine-tuned on by `finetune`.
        lm_head: for tasks of behaviour, as for `probe`.
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
    subspace, a layer that is not there, and tasks of behaviour of a model without a
    language-modelling head; TaskError where the corpus cannot carry a task.
    """
    started = time.perf_counter()
    report = doors.function("progress", progress)
    if data is not None:
        doors.of_type("data", data, (str, Path))
    numbers = doors.seeds("seeds", seeds)
    settings = reading(erase, extract_settings, options) or ExtractSettings()
    check_settings(fit_settings, allow_modified)
    how = fit_settings_of(fit_settings, settings)
    asking = behaviour_settings(lm_head, None, settings)
    request = Request(model, task, tasks, corpus, behaviour=True)
    asked = asked_of(request, settings, allow_modified, report)
    head, of_head = own_head(asked, data, report)
    behaving = open_behaving(asked.model, asked.behaviour, asking, settings.subwords == "cls")
    states = asked.states(report)
    measured = Measured(states, asked.questions, head, numbers, how, behaving=behaving)
    of_erasers: list[str] = []
    (found,) = outcomes(asked, asked.questions[:1], measured, of_erasers, report)
    about = {"model": states.model, "corpus": name_of(asked.corpus)}
    run = Run(
        versions=versions(),
        settings={**fit_facts(("linear",), numbers, how), "layers": asked.layers},
        seconds={"all": time.perf_counter() - started},
        measurements=(measurement_of(states, asked.questions, {"extract": states.seconds}),),
    )
    of_behaviour = [] if behaving is None else behaving.warnings()
    warnings = (*asked.warnings, *of_head, *of_behaviour, *states.warnings, *of_erasers)
    return Erasure(ERASURE.table(erasure_rows(found, about)), run=run, warnings=warnings)
