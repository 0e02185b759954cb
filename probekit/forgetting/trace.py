"""Trace: what is known at every checkpoint of a training run, and when it went."""

from __future__ import annotations

import hashlib
import json
import re
import shutil
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from importlib.metadata import version
from itertools import pairwise
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open

from probekit import doors
from probekit.corpora.load import load_corpus
from probekit.corpora.passage import Corpus
from probekit.errors import InputError, ModelError, suggestion
from probekit.forgetting import checkpoint_results
from probekit.forgetting.base import base_of
from probekit.forgetting.trajectory_tables import (
    TaskTrajectory,
    task_trajectory,
    fell,
    step_table,
    summary,
)
from probekit.forgetting.trajectory import SUMMARY, THRESHOLD, Trajectory
from probekit.forgetting.process_lock import process_lock
from probekit.models.checkpoint import Checkpoint
from probekit.models.model import Model, open_model
from probekit.probes.arguments import (
    CorpusNames,
    Seeds,
    TaskNames,
    check_settings,
    names_of,
    reading,
)
from probekit.probes.fit import FitSettings
from probekit.probes.heads import head_of
from probekit.probes.identity import names_of_corpora
from probekit.probes.plan import by_corpus, questions
from probekit.probes.probe import fit_facts, probe_states, versions
from probekit.probes.scores import SCORES, ScoreRow
from probekit.progress import Progress, reporting
from probekit.results.run import Measurement, Run
from probekit.states.extract import extract
from probekit.states.settings import ExtractSettings
from probekit.states.states import States
from probekit.states.store import states_root
from probekit.tasks.question import Question
from probekit.whole import remove_left_behind

FORMAT = 3
CHECKPOINTS = "checkpoints"


@dataclass(frozen=True)
class _How:
    """How checkpoints are read and probed."""

    probe: str
    seeds: tuple[int, ...]
    fit: FitSettings
    extract: ExtractSettings
    keep_states: bool
    folder: Path
    progress: Progress


def checkpoints_of(run: str | Path) -> list[str]:
    """The `checkpoint-N` folders of a Trainer's output folder, by N.

    Raises InputError where there is none.
    """
    if not Path(run).is_dir():
        raise InputError(f"there is no folder {run}{suggestion(Path(run))}")
    found = [
        path
        for path in Path(run).glob("checkpoint-*")
        if re.fullmatch(r"checkpoint-\d+", path.name)
    ]
    if not found:
        raise InputError(
            f"no checkpoint-N in {run}: give a Trainer's output folder, or name the models"
        )
    return [str(path) for path in sorted(found, key=lambda path: _step(path.name, 0))]


@reporting
def trace(
    models: Sequence[str | Path],
    tasks: TaskNames = "all",
    *,
    folder: str | Path,
    base: str | Path | None = None,
    corpus: CorpusNames | None = None,
    probe: str = "linear",
    seeds: Seeds = 1,
    threshold: float = THRESHOLD,
    keep_states: bool = True,
    extract_settings: ExtractSettings | None = None,
    fit_settings: FitSettings | None = None,
    allow_modified: bool = False,
    progress: Progress | bool = True,
    **options: Any,
) -> Trajectory:
    """Probe the base model and every checkpoint of a run, and measure what each retains of what the
    base knew.

    What was measured is kept in `folder/checkpoints`, known by the checkpoint's weights, and
    checked when it is read back, so that a later call probes new checkpoints only and gives the
    same numbers.

    Args:
        models: folders or hub names in the order of training; a step is what the name says
            (`checkpoint-500`, `step1000`), or the place where names do not say it in order.
        tasks: as for `probe`.
        folder: where results are kept.
        base: the model that training began with, which retention counts from. Without it, what the
            first checkpoint names as its base; where that is not known, or cannot be read, the
            first checkpoint, with a warning.
        corpus, probe, seeds, extract_settings, fit_settings, allow_modified, progress, options: as
            for `probe`.
        threshold: the retention below which knowledge counts as gone, in [0, 1].
        keep_states: keep in the cache the hidden states that had to be extracted; those that were
            there stay.

    Raises InputError for fewer than two checkpoints or one named twice, ModelError where the base
    (or without one the first checkpoint) or all others cannot be read. Another that cannot be read
    is left out, with a warning.
    """
    names = [doors.text_of(model) for model in doors.several("models", models, (str, Path))]
    tasks, corpus = names_of(tasks, corpus)
    doors.of_type("folder", folder, (str, Path))
    probe = head_of(doors.of_type("probe", probe, str)).name
    doors.share("threshold", threshold)
    doors.of_type("keep_states", keep_states, bool)
    extract_settings = reading(trace, extract_settings, options)
    check_settings(fit_settings, allow_modified)
    report = doors.function("progress", progress)
    base = None if base is None else doors.text_of(doors.of_type("base", base, (str, Path)))
    twice = [name for name in names if names.count(name) > 1]
    if twice:
        raise InputError(f"{twice[0]} is named twice: a trajectory takes each checkpoint once")
    if len({*names, *([base] if base else [])}) < 2:
        raise InputError("models: a trajectory needs two checkpoints at least")
    started = time.perf_counter()
    how = _How(
        probe,
        doors.seeds("seeds", seeds),
        fit_settings or FitSettings(),
        extract_settings or ExtractSettings(),
        keep_states,
        Path(folder),
        report,
    )
    opened, warnings = _opened(names, base, how)
    remove_left_behind(how.folder / CHECKPOINTS)
    inferred = not base and next(iter(opened)) not in names
    ordered = list(dict.fromkeys([next(iter(opened)), *names]))
    steps = dict(zip(ordered, _steps(ordered), strict=True))
    trajectories: list[TaskTrajectory] = []
    measurements: list[Measurement] = []
    wanted_of = by_corpus(tasks, corpus)
    corpora = [
        source
        if isinstance(source, Corpus)
        else load_corpus(source, allow_modified=allow_modified, progress=report)
        for source, _ in wanted_of
    ]
    for loaded, name, (_, wanted) in zip(
        corpora, names_of_corpora(corpora), wanted_of, strict=True
    ):
        asked, said = questions(wanted, loaded)
        warnings += said
        measured = _all_measured(opened, loaded, asked, how, warnings, inferred)
        by_step = [(model, steps[model], found) for model, found in measured.items()]
        trajectories += [task_trajectory(question, name, by_step) for question in asked]
        for model, found in measured.items():
            measurements += [
                replace(one, model=model, step=steps[model]) for one in found.measurements
            ]
    table = step_table(trajectories)
    asked_for = {"base": trajectories[0].models[0], "threshold": threshold}
    run = Run(
        versions=versions(),
        settings={**fit_facts((probe,), how.seeds, how.fit), **asked_for},
        seconds={"all": time.perf_counter() - started},
        measurements=tuple(measurements),
    )
    return Trajectory(
        table,
        fell(table, threshold),
        SUMMARY.table(summary(trajectories)),
        run=run,
        warnings=tuple(warnings),
    )


def _steps(models: Sequence[str]) -> list[int]:
    """Of each model: what its name says, or where the names do not say it in order, its place."""
    steps = [_step(model, place) for place, model in enumerate(models)]
    return steps if all(a < b for a, b in pairwise(steps)) else list(range(len(models)))


def _step(name: str, otherwise: int) -> int:
    digits = re.search(r"(?:checkpoint-|step[-_]?)(\d+)/?$", name)
    return int(digits[1]) if digits else otherwise


def _opened(
    models: Sequence[str], base: str | None, how: _How
) -> tuple[dict[str, Model], list[str]]:
    """The models that can be opened, that which changes count from first; and what is to be said of
    it and the others.

    All are opened before the work, so that a mistake shows at once.
    """
    warnings: list[str] = []
    opened: dict[str, Model] = {}
    first = base or models[0]
    for name in dict.fromkeys([first, *models]):
        try:
            opened[name] = _whole(name, how.extract)
        except ModelError as error:
            if name == first:
                raise
            warnings.append(f"{name} is left out: {error}")
            failed = error
    if not base:
        opened, said = _with_base(opened, how.extract)
        warnings.append(said)
    else:
        warnings.append(f"retention counts from {base}, as asked for")
    if len(opened) < 2:
        raise failed
    return opened, warnings


def _whole(name: str, settings: ExtractSettings) -> Model:
    """The model, of which every file of weights is complete: the last one of a run may still be
    being written."""
    model = open_model(name, settings.encoder)
    weights = (
        (*model.files.weights, *model.files.adapter_weights)
        if isinstance(model, Checkpoint)
        else ()
    )
    for path in weights:
        try:
            if path.suffix == ".safetensors":
                safe_open(path, framework="numpy").__exit__(None, None, None)
        except (SafetensorError, OSError) as error:
            raise ModelError(f"{path} is damaged, or not yet complete ({error})") from error
    return model


def _with_base(opened: dict[str, Model], settings: ExtractSettings) -> tuple[dict[str, Model], str]:
    """The models with the first one's base before them, where that is known; and which it is."""
    first, *others = opened
    said = f"retention counts from {first}"
    if any(base_of(opened[other]) == first for other in others):
        return opened, f"{said}, the base of the others"
    named = base_of(opened[first])
    if named is None:
        return (
            opened,
            f"{said}, the first checkpoint, which names no base model: if it is tuned, give base='MODEL'",
        )
    try:
        model = _whole(named, settings)
    except (ModelError, InputError) as error:
        return (
            opened,
            f"{said}, the first checkpoint: its base model cannot be opened: give base='MODEL' ({error})",
        )
    if model.fingerprint() == opened[first].fingerprint():
        return opened, f"{said}, whose weights are those of its base model {named}"
    rest = {name: one for name, one in opened.items() if name != named}
    return {
        named: model,
        **rest,
    }, f"retention counts from {named}, which {first} names as its base model"


def _all_measured(
    opened: dict[str, Model],
    corpus: Corpus,
    questions: list[Question],
    how: _How,
    warnings: list[str],
    inferred: bool,
) -> dict[str, checkpoint_results.CheckpointResults]:
    """What was measured of each model; those that fail are named. The first must not, unless it was
    `inferred`."""
    found: dict[str, checkpoint_results.CheckpointResults] = {}
    for number, (name, model) in enumerate(opened.items()):
        try:
            found[name] = _measured(model, corpus, questions, how, warnings)
        except ModelError as error:
            if not found and (number or not inferred):
                raise
            warnings.append(f"{name} is left out: {error}")
            failed = error
            continue
        warnings += found[name].warnings
    if len(found) == 1:
        raise failed
    return found


def _measured(
    model: Model, corpus: Corpus, questions: list[Question], how: _How, warnings: list[str]
) -> checkpoint_results.CheckpointResults:
    """What is kept of a checkpoint and a corpus, or what is measured now."""
    weights = model.fingerprint()
    asked = [
        FORMAT,
        version("probekit-nlp"),
        weights,
        corpus.fingerprint,
        [_digest(d) for d in questions],
    ]
    described = [*asked, how.probe, how.seeds, how.fit, how.extract]
    key = hashlib.sha256(json.dumps(described, sort_keys=True, default=str).encode()).hexdigest()[
        :16
    ]
    folder = how.folder / CHECKPOINTS
    found = _believed(folder, key, warnings)
    if found:
        return found
    both = hashlib.sha256(
        json.dumps([weights, corpus.fingerprint], default=str).encode()
    ).hexdigest()[:24]
    with process_lock(both):
        found = _believed(folder, key, [])  # another process may have measured it meanwhile
        if not found:
            checkpoint_results.save(
                folder, key, probe_checkpoint(model.name, corpus, questions, how)
            )
            found = checkpoint_results.load(folder, key)
    if not found:
        raise InputError(f"{folder / key} went away while it was read: run it again")
    return found


def _believed(
    folder: Path, key: str, warnings: list[str]
) -> checkpoint_results.CheckpointResults | None:
    """What is kept, if it is what was written; damage is told, and measured again."""
    try:
        return checkpoint_results.load(folder, key)
    except checkpoint_results.DamagedError as error:
        warnings.append(f"{error}: measured again")
        return None


def probe_checkpoint(
    name: str, corpus: Corpus, questions: list[Question], how: _How
) -> checkpoint_results.CheckpointResults:
    """Extract a checkpoint's states, and probe them."""
    there = set(states_root().glob("*"))
    rows: list[ScoreRow] = []
    answers: dict[str, Any] = {}
    measurements: list[Measurement] = []
    warnings: list[str] = []
    for context in dict.fromkeys(d.task.context for d in questions):
        questions = [d for d in questions if d.task.context == context]
        states = extract(name, corpus, context=context, settings=how.extract, progress=how.progress)
        found, measurement, said, trained = probe_states(
            states, questions, (how.probe,), how.seeds, how.fit, how.progress
        )
        rows += found
        measurements.append(measurement)
        warnings += said
        answers |= {one.question.task.name: one.predictions.astype("int32") for one in trained}
        if not how.keep_states:
            _forget(states, there)
    return checkpoint_results.CheckpointResults(
        SCORES.table(rows, decimals=None), answers, tuple(measurements), tuple(warnings)
    )


def _forget(states: States, there: set[Path]) -> None:
    """Delete states, if they were extracted for this alone."""
    if states.folder is None or states.folder in there or states.reused:
        return
    shutil.rmtree(states.folder, ignore_errors=True)  # what another process is writing stays


def _digest(question: Question) -> str:
    """sha256 of what a task asks: changed labels are another question."""
    digest = hashlib.sha256(repr((question.task, question.classes)).encode())
    for instances in question.splits.values():
        digest.update(instances.spans.tobytes() + instances.labels.tobytes())
    return digest.hexdigest()
