"""Probe: from hidden states and tasks to scores."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from probekit.corpora.load import load_corpus
from probekit.corpora.passage import Corpus, Split
from probekit.errors import TaskError
from probekit.probes import metrics
from probekit.probes.baselines import BASELINES
from probekit.probes.fit import FitSettings, Fitted, fit
from probekit.probes.heads import ProbeKind
from probekit.probes.scores import COLUMNS, MORE_COLUMNS, Scores
from probekit.progress import Progress, silent
from probekit.states.extract import ExtractSettings, States, extract
from probekit.tasks.instances import TaskData, make_instances
from probekit.tasks.shapes import carries
from probekit.tasks.task import Context, Task, load_task, shipped_tasks

Rows = Iterator[dict[str, Any]]
StatesIn = Callable[[Context], States]
Subject = str | States | Sequence[str | States]
TaskNames = str | Path | Task | Sequence[str | Path | Task]
CorpusNames = str | Path | Corpus | Sequence[str | Path | Corpus]


def probe(
    subject: Subject,
    tasks: TaskNames = "all",
    *,
    corpus: CorpusNames | None = None,
    probes: Sequence[ProbeKind] = ("linear",),
    seeds: Sequence[int] = (0,),
    extract_settings: ExtractSettings | None = None,
    fit_settings: FitSettings | None = None,
    allow_modified: bool = False,
    progress: Progress = silent,
) -> Scores:
    """Train probes on every layer and score them on the test split.

    Args:
        subject: States, or the name of a checkpoint to extract them from; or several of either.
        tasks: names, paths of TOML files or Tasks; `"all"` takes every shipped task that the corpus can carry.
        corpus: for checkpoints by name, what they read: names, paths or Corpora; each is probed with every task
            asked for. Without it each task takes the corpus that its file names.
        probes: kinds of probe.
        seeds: one probe a layer for each.
        extract_settings: how checkpoints by name read.
        fit_settings: how probes are trained.
        allow_modified: accept corpus files that differ from their checksum; the results are marked.
        progress: called with the stage, the units done and the units there are.

    Raises TaskError where a named task cannot be carried by the corpus, and whatever loading and extracting
    raise.
    """
    settings = replace(fit_settings or FitSettings(), seeds=tuple(seeds))
    rows: list[dict[str, Any]] = []
    runs: list[dict[str, Any]] = []
    notices: list[str] = []
    started = time.perf_counter()
    for states_in, data, about in _work(subject, tasks, corpus, extract_settings, allow_modified, progress):
        notices += about
        for context in dict.fromkeys(d.task.context for d in data):
            together = [d for d in data if d.task.context == context]
            found, run, said = _probe_context(states_in(context), together, tuple(probes), settings, progress)
            rows += found
            runs.append(run)
            notices += said
    import pandas as pd

    table = pd.DataFrame(rows, columns=[*COLUMNS, *MORE_COLUMNS])
    table = table.astype({"layer": "Int64", "epoch": "Int64"})
    run = {"versions": _versions(), "seconds": time.perf_counter() - started, "runs": runs}
    return Scores(table, run, tuple(dict.fromkeys(notices)))


def _work(
    subject: Subject,
    tasks: TaskNames,
    corpus: CorpusNames | None,
    settings: ExtractSettings | None,
    allow_modified: bool,
    progress: Progress,
) -> Iterator[tuple[StatesIn, list[TaskData], list[str]]]:
    """For each checkpoint and corpus: its states, the instances, and notices.

    Instances come first, so that a task that cannot be asked is told before hours of extraction.
    """
    subjects = [subject] if isinstance(subject, str | States) else list(subject)
    models = [name for name in subjects if isinstance(name, str)]
    for states in subjects:
        if isinstance(states, States):
            yield (partial(states.in_context, progress=progress), *_instances(tasks, states.corpus))
    for source, asked in _by_corpus(tasks, corpus) if models else ():
        loaded = source
        if not isinstance(loaded, Corpus):
            loaded = load_corpus(loaded, allow_modified=allow_modified, progress=progress)
        data, notices = _instances(asked, loaded)
        for model in models:
            yield _extracting(model, loaded, settings or ExtractSettings(), progress), data, notices


def _extracting(model: str, corpus: Corpus, settings: ExtractSettings, progress: Progress) -> StatesIn:
    return lambda context: extract(model, corpus, settings=replace(settings, context=context), progress=progress)


def _instances(tasks: TaskNames, corpus: Corpus) -> tuple[list[TaskData], list[str]]:
    chosen, skipped = _choose(tasks, corpus)
    data = [make_instances(task, corpus) for task in chosen]
    return data, [*corpus.notices, *(notice for d in data for notice in d.notices), *skipped]


def _by_corpus(tasks: TaskNames, corpus: CorpusNames | None) -> list[tuple[str | Path | Corpus, TaskNames]]:
    """Corpora, each with the tasks to probe on it."""
    if corpus is not None:
        listed = [corpus] if isinstance(corpus, str | Path | Corpus) else list(corpus)
        return [(one, tasks) for one in listed]
    by_corpus: dict[str, list[Task]] = {}
    for task in _loaded(tasks):
        by_corpus.setdefault(task.corpus, []).append(task)
    return list(by_corpus.items())


def _loaded(tasks: TaskNames) -> list[Task]:
    """Each task once, in the order asked."""
    listed = [tasks] if isinstance(tasks, str | Path | Task) else list(tasks)
    found: dict[str, Task] = {}
    for item in listed:
        task = item if isinstance(item, Task) else load_task(item) if item != "all" else None
        for one in [task] if task else shipped_tasks():
            if found.setdefault(one.name, one) != one:
                raise TaskError(f"two different tasks are called '{one.name}': give one of them a 'name' of its own")
    return list(found.values())


def _choose(tasks: TaskNames, corpus: Corpus) -> tuple[list[Task], list[str]]:
    """The tasks meant; for `"all"` those the corpus can carry, and a notice of the others."""
    listed = [tasks] if isinstance(tasks, str | Path | Task) else list(tasks)
    named = {task.name for task in _loaded([item for item in listed if item != "all"])}
    chosen, skipped = [], []
    for task in _loaded(listed):
        if task.name in named or carries(task, corpus):
            chosen.append(task)
        else:
            skipped.append(f"{task.name}: skipped, '{corpus.name}' has no layer '{task.layer}'")
    if not chosen:
        layers = ", ".join(sorted(corpus.tag_layers | corpus.edge_layers)) or "none"
        raise TaskError(f"the corpus '{corpus.name}' cannot carry any task (its layers: {layers})")
    return chosen, skipped


def _probe_context(
    states: States,
    data: list[TaskData],
    probes: tuple[ProbeKind, ...],
    settings: FitSettings,
    progress: Progress,
) -> tuple[list[dict[str, Any]], dict[str, Any], list[str]]:
    """Rows, the record of the run, and notices, for the tasks that read in the context of `states`."""
    rows = [row for d in data for row in _baseline_rows(states, d)]
    seconds: dict[str, float] = {"extract": states.seconds}
    for kind in probes:
        started = time.perf_counter()
        for fitted in fit(states, data, replace(settings, probe=kind), progress=progress):
            rows += _probe_rows(states, fitted)
        seconds[f"fit and score {kind}"] = time.perf_counter() - started
    lost = states.words_without_piece()
    said = []
    if lost:
        examples = ", ".join(f"{word!r}" for _, word in lost[:5])
        said.append(
            f"{states.model}: {len(lost)} words of '{states.corpus.name}' have no piece ({examples}): zero vectors"
        )
    return rows, {**_record(states, data, settings, probes), "seconds": seconds}, said


def _baseline_rows(states: States, data: TaskData) -> Rows:
    names = list(BASELINES)
    predicted = np.stack([BASELINES[name](data, states.corpus) for name in names])
    for name, scored in zip(names, _scored(data, predicted), strict=True):
        yield {**_row(states, data), "probe": name, **scored}


def _probe_rows(states: States, fitted: Fitted) -> Rows:
    cells = [(i, layer, j, seed) for i, layer in enumerate(fitted.layers) for j, seed in enumerate(fitted.seeds)]
    dev = _counts(fitted.data, "dev", fitted.dev_predictions.reshape(len(cells), -1)).sum(axis=1)
    dev_scores = metrics.score(fitted.data.task.metric, dev).reshape(len(fitted.layers), -1)
    predicted = fitted.predictions.reshape(len(cells), -1)
    for (i, layer, j, seed), scored in zip(cells, _scored(fitted.data, predicted), strict=True):
        yield {
            **_row(states, fitted.data),
            "probe": fitted.kind,
            "layer": layer,
            "seed": seed,
            **scored,
            "dev_score": dev_scores[i, j],
            "dev_loss": fitted.dev_loss[i, j],
            "epoch": fitted.epochs[i, j],
        }


def _row(states: States, data: TaskData) -> dict[str, Any]:
    return {
        "model": states.model,
        "task": data.task.name,
        "corpus": states.corpus.name + ("*" if states.corpus.modified else ""),
        "layer": None,
        "metric": data.task.metric,
        "n_train": len(data.splits["train"]),
        "n_test": len(data.splits["test"]),
        "seed": 0,
    }


def _counts(data: TaskData, split: Split, predicted: np.ndarray) -> np.ndarray:
    positive = data.classes.index(data.task.positive) if data.task.positive else -2
    return metrics.group_counts(data.task.metric, predicted, data.splits[split], positive)


def _scored(data: TaskData, predicted: np.ndarray) -> Iterator[dict[str, float]]:
    """Score and interval of each row of test predictions."""
    metric, counts = data.task.metric, _counts(data, "test", predicted)
    scores = metrics.score(metric, counts.sum(axis=1))
    lows, highs = metrics.interval(metrics.bootstrap(metric, counts))
    for score, low, high in zip(scores.tolist(), lows.tolist(), highs.tolist(), strict=True):
        yield {"score": score, "ci_low": low, "ci_high": high}


def _record(
    states: States, data: list[TaskData], settings: FitSettings, probes: tuple[ProbeKind, ...]
) -> dict[str, Any]:
    corpus = states.corpus
    return {
        "model": states.model,
        "corpus": corpus.name,
        "modified_files": corpus.modified,
        "context": states.settings.context,
        "fingerprints": states.manifest,
        "store": states.store.folder,
        "shards_computed": states.computed,
        "shards_reused": states.reused,
        "words": {split: int(corpus.offsets(split)[-1]) for split in corpus.splits},
        "passages": {split: len(passages) for split, passages in corpus.splits.items()},
        "tasks": {
            d.task.name: {
                "classes": d.classes,
                "instances": {split: len(instances) for split, instances in d.splits.items()},
            }
            for d in data
        },
        "fit": {**vars(settings), "probe": probes},
    }


def _versions() -> dict[str, str]:
    return {name: version(name) for name in ("probekit-nlp", "torch", "transformers", "numpy")}
