"""Trace: what each checkpoint of a training run knows, and when it was forgotten."""

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
from probekit.forgetting.process_lock import process_lock
from probekit.forgetting.trajectory import SUMMARY, THRESHOLD, Trajectory
from probekit.forgetting.trajectory_tables import (
    TaskTrajectory,
    fell,
    step_table,
    summary,
    task_trajectory,
)
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
from probekit.probes.fit_settings import FitSettings
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
from probekit.whole import remove_abandoned

FORMAT = 3
CHECKPOINTS = "checkpoints"


@dataclass(frozen=True)
class _Settings:
    """How checkpoints are read and probed, and where results go."""

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
def trace(  # noqa: PLR0913 - a public verb
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
    """Probe the base model and every checkpoint of a run, and measure what each retains.

    Results go into `folder/checkpoints`, under a key made of the checkpoint's weights and the
    settings, and are checked when they are read back. So a later call probes only new checkpoints,
    and gives the same numbers.

    Args:
        models: folders or hub names in the order of training. A step is the number in the name
            (`checkpoint-500`, `step1000`), or the place where names have no numbers in order.
        tasks: as for `probe`.
        folder: where results are written.
        base: the model that training began with, from which retention counts. By default the base
            that the first checkpoint names; where it names none, or that cannot be read, the first
            checkpoint itself, with a warning.
        corpus, probe, seeds, extract_settings, fit_settings, allow_modified, progress, options: as
            for `probe`.
        threshold: the retention below which knowledge counts as forgotten, in [0, 1].
        keep_states: keep the hidden states that had to be extracted in the cache; those that were
            there before always stay.

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
        raise InputError("models: a trajectory needs at least two checkpoints")
    started = time.perf_counter()
    settings = _Settings(
        probe,
        doors.seeds("seeds", seeds),
        fit_settings or FitSettings(),
        extract_settings or ExtractSettings(),
        keep_states,
        Path(folder),
        report,
    )
    opened, warnings = _open_all(names, base, settings)
    remove_abandoned(settings.folder / CHECKPOINTS)
    inferred = not base and next(iter(opened)) not in names
    ordered = list(dict.fromkeys([next(iter(opened)), *names]))
    steps = dict(zip(ordered, _steps(ordered), strict=True))
    trajectories: list[TaskTrajectory] = []
    measurements: list[Measurement] = []
    corpora, tasks_of = [], []
    for source, wanted in by_corpus(tasks, corpus):
        loaded = source
        if not isinstance(loaded, Corpus):
            loaded = load_corpus(loaded, allow_modified=allow_modified, progress=report)
        corpora.append(loaded)
        tasks_of.append(wanted)
    for loaded, name, wanted in zip(corpora, names_of_corpora(corpora), tasks_of, strict=True):
        of_corpus, corpus_warnings = questions(wanted, loaded)
        warnings += corpus_warnings
        measured = _measure_all(opened, loaded, of_corpus, settings, warnings, inferred)
        by_step = [(model, steps[model], results) for model, results in measured.items()]
        trajectories += [task_trajectory(question, name, by_step) for question in of_corpus]
        for model, results in measured.items():
            for one in results.measurements:
                measurements.append(replace(one, model=model, step=steps[model]))
    table = step_table(trajectories)
    counted_from = {"base": trajectories[0].models[0], "threshold": threshold}
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
        run=run,
        warnings=tuple(warnings),
    )


def _steps(models: Sequence[str]) -> list[int]:
    """Each model's step: the number in its name, or its place where names have none in order."""
    steps = [_step(model, place) for place, model in enumerate(models)]
    return steps if all(a < b for a, b in pairwise(steps)) else list(range(len(models)))


def _step(name: str, otherwise: int) -> int:
    digits = re.search(r"(?:checkpoint-|step[-_]?)(\d+)/?$", name)
    return int(digits[1]) if digits else otherwise


def _open_all(
    models: Sequence[str], base: str | None, settings: _Settings
) -> tuple[dict[str, Model], list[str]]:
    """The models that can be opened, first the one that changes count from, and warnings.

    All are opened before the work, so that a mistake shows at once.
    """
    warnings: list[str] = []
    opened: dict[str, Model] = {}
    first = base or models[0]
    for name in dict.fromkeys([first, *models]):
        try:
            opened[name] = _open_complete(name, settings.extract)
        except ModelError as error:
            if name == first:
                raise
            warnings.append(f"{name} is left out: {error}")
            failed = error
    if not base:
        opened, warning = _with_base(opened, settings.extract)
        warnings.append(warning)
    else:
        warnings.append(f"retention counts from {base}, the base given")
    if len(opened) < 2:
        raise failed
    return opened, warnings


def _open_complete(name: str, settings: ExtractSettings) -> Model:
    """The model, every file of whose weights is complete.

    The last checkpoint of a run that goes on may be written just now. Raises ModelError for it.
    """
    model = open_model(name, settings.encoder)
    weights: tuple[Path, ...] = ()
    if isinstance(model, Checkpoint):
        weights = (*model.files.weights, *model.files.adapter_weights)
    for path in weights:
        try:
            if path.suffix == ".safetensors":
                safe_open(path, framework="numpy").__exit__(None, None, None)
        except (SafetensorError, OSError) as error:
            raise ModelError(f"{path} is damaged, or not yet complete ({error})") from error
    return model


def _with_base(opened: dict[str, Model], settings: ExtractSettings) -> tuple[dict[str, Model], str]:
    """The models, after the first one's base where that is known; and a warning that names it."""
    first, *others = opened
    from_first = f"retention counts from {first}"
    if any(base_of(opened[other]) == first for other in others):
        return opened, f"{from_first}, the base of the others"
    base = base_of(opened[first])
    if base is None:
        return opened, (
            f"{from_first}, the first checkpoint, which names no base model: "
            "if it is tuned, give base='MODEL'"
        )
    try:
        model = _open_complete(base, settings)
    except (ModelError, InputError) as error:
        return opened, (
            f"{from_first}, the first checkpoint: its base model cannot be opened: "
            f"give base='MODEL' ({error})"
        )
    if model.fingerprint() == opened[first].fingerprint():
        return opened, f"{from_first}, which has the weights of its base model {base}"
    rest = {name: one for name, one in opened.items() if name != base}
    warning = f"retention counts from {base}, which {first} names as its base model"
    return {base: model, **rest}, warning


def _measure_all(
    opened: dict[str, Model],
    corpus: Corpus,
    questions: list[Question],
    settings: _Settings,
    warnings: list[str],
    inferred: bool,
) -> dict[str, checkpoint_results.CheckpointResults]:
    """The results of each model. One that fails is left out, with a warning.

    The first must not fail, unless it is `inferred`: a base that the user did not give.
    """
    found: dict[str, checkpoint_results.CheckpointResults] = {}
    for number, (name, model) in enumerate(opened.items()):
        try:
            found[name] = _measure(model, corpus, questions, settings, warnings)
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


def _measure(
    model: Model,
    corpus: Corpus,
    questions: list[Question],
    settings: _Settings,
    warnings: list[str],
) -> checkpoint_results.CheckpointResults:
    """The results of a checkpoint and a corpus: read from the folder, or measured now."""
    weights = model.fingerprint()
    described = [
        FORMAT,
        version("probekit-nlp"),
        weights,
        corpus.fingerprint,
        [_digest(question) for question in questions],
        settings.probe,
        settings.seeds,
        settings.fit,
        settings.extract,
    ]
    key = hashlib.sha256(json.dumps(described, sort_keys=True, default=str).encode()).hexdigest()[
        :16
    ]
    folder = settings.folder / CHECKPOINTS
    found = _load(folder, key, warnings)
    if found:
        return found
    both = hashlib.sha256(
        json.dumps([weights, corpus.fingerprint], default=str).encode()
    ).hexdigest()[:24]
    with process_lock(both):
        found = _load(folder, key, [])  # another process may have measured it meanwhile
        if not found:
            checkpoint_results.save(
                folder, key, probe_checkpoint(model.name, corpus, questions, settings)
            )
            found = checkpoint_results.load(folder, key)
    if not found:
        raise InputError(f"{folder / key} was deleted while it was read: run it again")
    return found


def _load(
    folder: Path, key: str, warnings: list[str]
) -> checkpoint_results.CheckpointResults | None:
    """The results in the folder, or None; None with a warning where they are damaged."""
    try:
        return checkpoint_results.load(folder, key)
    except checkpoint_results.DamagedError as error:
        warnings.append(f"{error}: measured again")
        return None


def probe_checkpoint(
    name: str, corpus: Corpus, questions: list[Question], settings: _Settings
) -> checkpoint_results.CheckpointResults:
    """Extract a checkpoint's states, and probe them."""
    present = set(states_root().glob("*"))
    rows: list[ScoreRow] = []
    answers: dict[str, Any] = {}
    measurements: list[Measurement] = []
    warnings: list[str] = []
    for context in dict.fromkeys(question.task.context for question in questions):
        same_context = [question for question in questions if question.task.context == context]
        states = extract(
            name, corpus, context=context, settings=settings.extract, progress=settings.progress
        )
        found = probe_states(
            states, same_context, (settings.probe,), settings.seeds, settings.fit, settings.progress
        )
        rows += [answer.about for answer in found.answers]
        measurements.append(found.measurement)
        warnings += found.warnings
        for one in found.trained:
            answers[one.question.task.name] = one.predictions.astype("int32")
        if not settings.keep_states:
            _delete(states, present)
    return checkpoint_results.CheckpointResults(
        SCORES.table(rows, decimals=None), answers, tuple(measurements), tuple(warnings)
    )


def _delete(states: States, present: set[Path]) -> None:
    """Delete states, if they were extracted for this alone: their folder was not `present`."""
    if states.folder is None or states.folder in present or states.reused:
        return
    shutil.rmtree(states.folder, ignore_errors=True)  # what another process is writing stays


def _digest(question: Question) -> str:
    """sha256 of a question: with changed labels it is another one."""
    digest = hashlib.sha256(repr((question.task, question.classes)).encode())
    for instances in question.splits.values():
        digest.update(instances.spans.tobytes() + instances.labels.tobytes())
    return digest.hexdigest()
