"""Trace: what each checkpoint of a training run knows, and when it was forgotten."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from probekit import doors
from probekit.engine.current import on_engine
from probekit.engine.settings import EngineKind, EngineSettings
from probekit.errors import InputError
from probekit.forgetting.behaviour_steps import (
    BehaviourStepRow,
    behaviour_step_rows,
    measure_behaviour,
)
from probekit.forgetting.checkpoint_results import CheckpointResults
from probekit.forgetting.open_checkpoints import open_checkpoints
from probekit.forgetting.read_or_measure import measure_all
from probekit.forgetting.steps import steps_of
from probekit.forgetting.trace_settings import TraceSettings
from probekit.forgetting.trajectory import SUMMARY, THRESHOLD, Trajectory
from probekit.forgetting.trajectory_tables import (
    TaskTrajectory,
    best_steps,
    fell,
    step_table,
    summary,
    task_trajectory,
)
from probekit.models.loaded import LoadedModel, as_loaded, name_of
from probekit.probes.answers import AnyQuestion
from probekit.probes.arguments import (
    CorpusNames,
    Named,
    Seeds,
    TaskNames,
    check_settings,
    models_of,
    names_of,
    reading,
)
from probekit.probes.behaviour.behaviour_settings import behaviour_settings
from probekit.probes.fit_settings import FitSettings, fit_settings_of
from probekit.probes.heads import head_of
from probekit.probes.identity import names_of_corpora
from probekit.probes.in_turn import require_single_layers
from probekit.probes.questions import ask_each_corpus
from probekit.probes.record import fit_facts, versions
from probekit.probes.structural.tree_fit import check_kinds
from probekit.progress import Progress, reporting
from probekit.results.run import Measurement, Run
from probekit.states.settings import ExtractSettings
from probekit.whole import remove_abandoned


@reporting
@on_engine
def trace(  # noqa: PLR0913 - a public verb
    models: Sequence[str | Path | LoadedModel],
    tasks: TaskNames = "all",
    *,
    folder: str | Path,
    base: str | Path | LoadedModel | None = None,
    corpus: CorpusNames | None = None,
    probe: str = "linear",
    seeds: Seeds = 1,
    threshold: float = THRESHOLD,
    keep_states: bool = True,
    lm_head: str | Path | None = None,
    reference: str | Path | None = None,
    extract_settings: ExtractSettings | None = None,
    fit_settings: FitSettings | None = None,
    allow_modified: bool = False,
    engine: EngineKind | EngineSettings = "threads",
    progress: Progress | bool = True,
    **options: Any,
) -> Trajectory:
    """Probe the base model and every checkpoint of a run, and measure what each retains.

    Results go into `folder/checkpoints`, under a key made of the checkpoint's weights and the
    settings, and are checked when they are read back. So a later call probes only new checkpoints,
    and gives the same numbers.

    Args:
        models: folders, hub names or loaded transformers models, in the order of training. A step
            is the number in the name (`checkpoint-500`, `step1000`), or the place where names have
            no numbers in order.
        tasks: as for `probe`.
        folder: where results are written.
        base: the model that training began with, from which retention counts. By default the base
            that the first checkpoint names; where it names none, or that cannot be read, the first
            checkpoint itself, with a warning.
        corpus, probe, seeds, extract_settings, fit_settings, allow_modified, engine, progress,
            options: as for `probe`.
        threshold: the retention below which knowledge counts as forgotten, in [0, 1].
        keep_states: keep the hidden states that had to be extracted in the cache; those that were
            there before always stay.
        lm_head, reference: for tasks of behaviour, as for `probe`.

    Raises InputError for fewer than two checkpoints or one named twice, ModelError where the base
    (or without one the first checkpoint) or all others cannot be read. Another that cannot be read
    is left out, with a warning.
    """
    subjects = models_of("models", models)
    names = [name_of(subject) for subject in subjects]
    tasks, corpus = names_of(tasks, corpus)
    doors.of_type("folder", folder, (str, Path))
    probe = head_of(doors.of_type("probe", probe, str)).name
    doors.share("threshold", threshold)
    doors.of_type("keep_states", keep_states, bool)
    extract_settings = reading(trace, extract_settings, options)
    require_single_layers(extract_settings, {})
    check_settings(fit_settings, allow_modified)
    report = doors.function("progress", progress)
    if base is not None:
        base = doors.of_type("base", as_loaded(base), (str, Path, LoadedModel))
        base = models_of("base", base)[0]
    _require_several(subjects, base)
    started = time.perf_counter()
    settings = TraceSettings(
        probe,
        doors.seeds("seeds", seeds),
        fit_settings_of(fit_settings, extract_settings),
        extract_settings or ExtractSettings(),
        keep_states,
        Path(folder),
        report,
        behaviour_settings(lm_head, reference, extract_settings),
    )
    opened, warnings = open_checkpoints(subjects, base, settings.extract)
    remove_abandoned(settings.checkpoints)
    first = next(iter(opened))
    is_inferred = not base and first not in names
    ordered = list(dict.fromkeys([first, *names]))
    steps = dict(zip(ordered, steps_of(ordered), strict=True))
    asked = ask_each_corpus(tasks, corpus, allow_modified, report)
    for _, of_corpus in asked:
        check_kinds(of_corpus.trees, [probe])
        warnings += of_corpus.warnings
    trajectories: list[TaskTrajectory] = []
    behaviour: list[BehaviourStepRow] = []
    measurements: list[Measurement] = []
    corpora = names_of_corpora([loaded for loaded, _ in asked])
    for (loaded, of_corpus), name in zip(asked, corpora, strict=True):
        probed: list[AnyQuestion] = [*of_corpus.questions, *of_corpus.trees]
        if probed:
            measured = measure_all(opened, loaded, probed, settings, warnings, is_inferred)
            by_step = [(model, steps[model], results) for model, results in measured.items()]
            trajectories += [task_trajectory(question, name, by_step) for question in probed]
            measurements += _measurements(measured, steps)
        behaved = measure_behaviour(
            opened, loaded, of_corpus.behaviour, settings, warnings, is_inferred
        )
        behaviour += behaviour_step_rows(behaved, name, steps)
    table = step_table(trajectories)
    base_name = trajectories[0].models[0] if trajectories else behaviour[0].model
    counted_from = {"base": base_name, "threshold": threshold}
    run = Run(
        versions=versions(),
        settings={**fit_facts((probe,), settings.seeds, settings.fit), **counted_from},
        seconds={"all": time.perf_counter() - started},
        measurements=tuple(measurements),
    )
    return Trajectory(
        table,
        fell(table, threshold),
        SUMMARY.table(summary(trajectories)),
        best=list(best_steps(trajectories)),
        behaviour=behaviour,
        run=run,
        warnings=tuple(warnings),
    )


def _measurements(
    measured: Mapping[str, CheckpointResults], steps: Mapping[str, int]
) -> Iterator[Measurement]:
    """What was read of each checkpoint, under its name in this trajectory."""
    for model, results in measured.items():
        for one in results.measurements:
            yield replace(one, model=model, step=steps[model])


def _require_several(subjects: Sequence[Named], base: Named | None) -> None:
    """Raise InputError for fewer than two checkpoints, or one named twice."""
    names = [name_of(subject) for subject in subjects]
    twice = [name for name in names if names.count(name) > 1]
    if twice:
        remedy = "each checkpoint once"
        if any(isinstance(subject, LoadedModel) for subject in subjects):
            remedy = "loaded models of different names, LoadedModel(model, tokenizer, 'step-500')"
        raise InputError(f"{twice[0]} is named twice: a trajectory takes {remedy}")
    if len({*names, *([name_of(base)] if base else [])}) < 2:
        raise InputError("models: a trajectory needs at least two checkpoints")
