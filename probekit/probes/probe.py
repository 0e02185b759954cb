"""Probe: from hidden states and tasks to scores."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from importlib.metadata import version
from typing import Any, NamedTuple

import numpy as np

from probekit import doors
from probekit.probes import identity
from probekit.probes.arguments import (
    CorpusNames,
    Seeds,
    Subject,
    TaskNames,
    check_settings,
    names_of,
    reading,
    subjects_of,
)
from probekit.probes.baselines import BASELINES
from probekit.probes.evaluate import task_counts, task_scores
from probekit.probes.fit import fit
from probekit.probes.fit_settings import FitSettings
from probekit.probes.fitted import Fitted
from probekit.probes.heads import head_of
from probekit.probes.plan import plan
from probekit.probes.predictions import Answers, narrowed, tables_of
from probekit.probes.scores import ScoreRow, Scores, make_scores
from probekit.progress import Progress, reporting
from probekit.results.run import Measurement, Run
from probekit.states.settings import ExtractSettings
from probekit.states.states import States
from probekit.stats.bootstrap import bootstrap, interval, widened
from probekit.stats.metrics import METRICS
from probekit.tasks.question import FEW, Question


@reporting
def probe(  # noqa: PLR0913 - a public verb
    subject: Subject,
    tasks: TaskNames = "all",
    *,
    corpus: CorpusNames | None = None,
    probes: str | Sequence[str] = ("linear",),
    seeds: Seeds = 1,
    extract_settings: ExtractSettings | None = None,
    fit_settings: FitSettings | None = None,
    allow_modified: bool = False,
    progress: Progress | bool = True,
    **options: Any,
) -> Scores:
    """Train probes on every layer and score them on the test split.

    Args:
        subject: States, or a checkpoint to extract them from: a name, a path, or a loaded
            transformers model (alone or as a LoadedModel). Or several of these.
        tasks: names, paths of TOML files or Tasks; `"all"` takes every shipped task that the corpus
            can carry.
        corpus: what checkpoints read: names, paths or Corpora, each for every task.
            By default each task reads the corpus that its file names.
        probes: kinds of probe: `linear`, `mlp`, `rank:8` (of any rank), or several.
        seeds: one probe per layer for each: their number (2 is seeds 0 and 1), or the seeds
            themselves.
        extract_settings: how checkpoints are read.
        fit_settings: how probes are trained.
        allow_modified: accept corpus files that differ from their checksum; the results are marked.
        progress: True for bars on standard error, False for silence, or a function that is called
            with the stage, the units done and the number of units.
        options: change single fields of `extract_settings` (`layers=(0, 6)`, `subwords="first"` …),
            as for `extract`.

    Raises InputError for arguments of another type, TaskError where the corpus cannot carry a named
    task, and whatever loading and extracting raise.
    """
    subjects = subjects_of("subject", subject)
    tasks, corpus = names_of(tasks, corpus)
    heads = doors.several("probes", probes, (str,))
    kinds = tuple(dict.fromkeys(head_of(name, "probes").name for name in heads))
    extract_settings = reading(probe, extract_settings, options)
    check_settings(fit_settings, allow_modified)
    report = doors.function("progress", progress)
    seeds = doors.seeds("seeds", seeds)
    settings = fit_settings or FitSettings()
    answers: list[Answers] = []
    measurements: list[Measurement] = []
    warnings: list[str] = []
    started = time.perf_counter()
    for planned in plan(subjects, tasks, corpus, extract_settings, allow_modified, report):
        warnings += planned.warnings
        contexts = planned.contexts()
        for _, read in planned.checkpoints:
            for states, questions in zip(read([*contexts]), contexts.values(), strict=True):
                found = probe_states(states, questions, kinds, seeds, settings, report)
                answers += found.answers
                measurements.append(found.measurement)
                warnings += found.warnings
    run = Run(
        versions=versions(),
        settings=fit_facts(kinds, seeds, settings),
        seconds={"all": time.perf_counter() - started},
        measurements=tuple(measurements),
    )
    instances, predicted = tables_of(answers)
    rows = [answer.about for answer in answers]
    return make_scores(rows, run, warnings, instances=instances, predicted=predicted)


class Probed(NamedTuple):
    """What came of one checkpoint, corpus and context: an answer for each row of scores, what was
    read, warnings, and the trained probes."""

    answers: list[Answers]
    measurement: Measurement
    warnings: list[str]
    trained: list[Fitted]


def probe_states(
    states: States,
    questions: list[Question],
    probes: tuple[str, ...],
    seeds: tuple[int, ...],
    settings: FitSettings,
    progress: Progress,
) -> Probed:
    """Train and score probes of tasks with the context of `states`."""
    answers = [each for question in questions for each in _baselines(states, question)]
    majority = {each.question.task.name: each.about for each in answers if is_majority(each.about)}
    seconds: dict[str, float] = {"extract": states.seconds}
    trained: list[Fitted] = []
    warnings = list(states.warnings)
    for kind in probes:
        warnings += _without_restriction(states, kind)
        started = time.perf_counter()
        for fitted in fit(
            states, questions, probe=kind, seeds=seeds, settings=settings, progress=progress
        ):
            mine = list(_probes(states, fitted, settings))
            answers += mine
            rows = [each.about for each in mine]
            warnings += _without_width(states, fitted.question, rows)
            warnings += _below(majority[fitted.question.task.name], rows)
            trained.append(fitted)
        seconds[f"fit and score {kind}"] = time.perf_counter() - started
    return Probed(answers, measurement_of(states, questions, seconds), warnings, trained)


def is_majority(row: ScoreRow) -> bool:
    """Whether it is of the majority baseline."""
    return row.probe == "majority"


def _without_restriction(states: States, kind: str) -> Iterator[str]:
    """A warning where a probe's rank is above the width of the vectors."""
    if not head_of(kind).restricts(states.dim):
        yield (
            f"{kind}: the vectors of {states.model} have {states.dim} dimensions, and so no probe "
            f"has a higher rank: a rank above {states.dim} restricts nothing"
        )


def _below(majority: ScoreRow, rows: list[ScoreRow]) -> Iterator[str]:
    """A warning where probes, in the mean over seeds, score below the majority baseline."""
    scores: dict[int | None, list[float]] = {}
    for row in rows:
        scores.setdefault(row.layer, []).append(row.score)
    layers = [str(layer) for layer, each in scores.items() if np.mean(each) < majority.score]
    if layers:
        yield (
            f"{majority.task}: {rows[0].probe} probes of {majority.model} on '{majority.corpus}' "
            f"score below the majority baseline ({majority.score:.3f}) at layer"
            f"{'s' if len(layers) > 1 else ''} {', '.join(layers)}"
        )


def _without_width(states: States, question: Question, rows: list[ScoreRow]) -> Iterator[str]:
    """A warning where every resample has the same score.

    Where sentences or documents are few, the task's own warning covers it.
    """
    test, context = question.splits["test"], question.task.context
    if test.n_groups >= FEW and any(row.ci_low == row.ci_high for row in rows):
        yield (
            f"{question.task.name}: where an interval on '{states.corpus.name}' has no width, "
            f"nothing varied among the {test.n_groups:,} test {context}s: "
            "that does not make the score certain"
        )


def _baselines(states: States, question: Question) -> Iterator[Answers]:
    about = _about(states, question)
    predicted = np.stack([BASELINES[name](question, states.corpus) for name in BASELINES])
    of_each = zip(BASELINES, _scored(question, predicted), predicted, strict=True)
    for name, scored, labels in of_each:
        missing = float("nan")
        row = ScoreRow(
            **about,
            **scored,
            probe=name,
            layer=None,
            seed=0,
            dev_score=missing,
            dev_loss=missing,
            epoch=None,
        )
        yield Answers(row, question, states.corpus, narrowed(question, labels))


def _probes(states: States, fitted: Fitted, settings: FitSettings) -> Iterator[Answers]:
    about = {**_about(states, fitted.question), **identity.of_fit(settings)}
    cells = list(fitted.cells())
    predicted = fitted.predictions.reshape(len(cells), -1)
    scored = list(_scored(fitted.question, predicted))
    dev_scores = task_scores(fitted.question, "dev", fitted.dev_predictions).ravel()
    dev_losses, epochs = fitted.dev_loss.ravel(), fitted.epochs.ravel()
    for number, cell in enumerate(cells):
        row = ScoreRow(
            **about,
            **scored[number],
            probe=cell.head,
            layer=cell.view.layer,
            seed=cell.seed,
            dev_score=float(dev_scores[number]),
            dev_loss=float(dev_losses[number]),
            epoch=int(epochs[number]),
        )
        yield Answers(
            row, fitted.question, states.corpus, narrowed(fitted.question, predicted[number])
        )


def _about(states: States, question: Question) -> dict[str, Any]:
    """The columns of a row that identify the model, the task and the corpus."""
    return {
        "model": states.model,
        "task": question.task.name,
        "corpus": identity.name_of(states.corpus),
        "metric": question.task.metric,
        "n_train": len(question.splits["train"]),
        "n_test": len(question.splits["test"]),
        **identity.of_states(states),
        **identity.of_corpus(states.corpus),
        **identity.of_task(question.task),
    }


def _scored(question: Question, predicted: np.ndarray) -> Iterator[dict[str, Any]]:
    """Score and interval of each row of test predictions."""
    metric, counts = METRICS[question.task.metric], task_counts(question, "test", predicted)
    scores = metric.score(counts.sum(axis=1))
    resampled = widened(bootstrap(metric.score, counts), scores, counts.shape[1])
    lows, highs = np.clip(interval(resampled), metric.low, metric.high)
    for score, low, high in zip(scores.tolist(), lows.tolist(), highs.tolist(), strict=True):
        yield {"score": score, "ci_low": low, "ci_high": high}


def measurement_of(
    states: States, questions: list[Question], seconds: dict[str, float]
) -> Measurement:
    """What a run records of one checkpoint, corpus and context, with the seconds by stage."""
    corpus = states.corpus
    tasks = {}
    for one in questions:
        instances = {split: len(of_split) for split, of_split in one.splits.items()}
        tasks[one.task.name] = {"classes": one.classes, "instances": instances}
    return Measurement(
        model=states.model,
        corpus=corpus.name,
        source=corpus.source,
        modified_files=corpus.modified,
        context=states.context,
        fingerprints=states.manifest,
        store=str(states.folder or ""),
        shards_computed=states.computed,
        shards_reused=states.reused,
        words={split: int(corpus.offsets(split)[-1]) for split in corpus.splits},
        passages={split: len(passages) for split, passages in corpus.splits.items()},
        tasks=tasks,
        seconds=seconds,
    )


def fit_facts(
    probes: tuple[str, ...], seeds: tuple[int, ...], settings: FitSettings
) -> dict[str, Any]:
    """What a run records of how probes were trained."""
    return {"probes": probes, "seeds": seeds, "fit": vars(settings)}


def versions() -> dict[str, str]:
    """Versions of the packages that a number may depend on."""
    return {name: version(name) for name in ("probekit-nlp", "torch", "transformers", "numpy")}
