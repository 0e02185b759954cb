"""Scoring: from predictions to rows of scores."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from probekit.corpora.passage import Corpus
from probekit.probes import identity
from probekit.probes.answers import AnyFitted
from probekit.probes.baselines import BASELINES
from probekit.probes.evaluate import task_counts, task_scores
from probekit.probes.fit_settings import FitSettings
from probekit.probes.fitted import Fitted
from probekit.probes.predictions import Answers, narrowed
from probekit.probes.score_rows import ScoreRow
from probekit.states.states import States
from probekit.stats.behaviour_metrics import BehaviourMetric
from probekit.stats.bootstrap import bootstrap, interval, widened
from probekit.stats.metrics import METRICS, Metric
from probekit.stats.tree_metrics import TreeMetric
from probekit.tasks.question import Question
from probekit.tasks.trees import TreeQuestion


def baselines(
    states: States, question: Question, corpus: Corpus | None = None
) -> Iterator[Answers]:
    """An answer of each baseline; `corpus` has the words, by default that of the states."""
    about = about_question(states, question)
    words = corpus or states.corpus
    predicted = np.stack([BASELINES[name](question, words) for name in BASELINES])
    of_each = zip(BASELINES, _scored(question, predicted), predicted, strict=True)
    for name, scores, labels in of_each:
        missing = float("nan")
        row = ScoreRow(
            **about,
            **scores,
            test_corpus=about["corpus"],
            probe=name,
            layer=None,
            seed=0,
            dev_score=missing,
            dev_loss=missing,
            epoch=None,
        )
        yield Answers(row, question, states.corpus, narrowed(question, labels))


def scored_probes(states: States, fitted: Fitted, settings: FitSettings) -> Iterator[Answers]:
    """An answer of each trained probe."""
    about = {**about_question(states, fitted.question), **identity.of_fit(settings)}
    cells = list(fitted.cells())
    predicted = fitted.predictions.reshape(len(cells), -1)
    scores = list(_scored(fitted.question, predicted))
    dev_scores = task_scores(fitted.question, "dev", fitted.dev_predictions).ravel()
    dev_losses, epochs = fitted.dev_loss.ravel(), fitted.epochs.ravel()
    for number, cell in enumerate(cells):
        row = ScoreRow(
            **about,
            **scores[number],
            test_corpus=about["corpus"],
            probe=cell.head,
            layer=cell.view.layer,
            seed=cell.seed,
            dev_score=float(dev_scores[number]),
            dev_loss=float(dev_losses[number]),
            epoch=int(epochs[number]),
            labels=cell.question.labels,
            view=cell.view.combine,
        )
        yield Answers(
            row, fitted.question, states.corpus, narrowed(fitted.question, predicted[number])
        )


def about_question(states: States, question: Question | TreeQuestion) -> dict[str, Any]:
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


def about_probes(states: States, fitted: AnyFitted, settings: FitSettings) -> dict[str, Any]:
    """The columns that identify the model, the task, the corpus and the fit."""
    about = about_question(states, fitted.question)
    for size in ("n_train", "n_test"):
        del about[size]
    return {**about, **identity.of_fit(settings)}


def _scored(question: Question, predicted: np.ndarray) -> Iterator[dict[str, Any]]:
    """Score and interval of each row of test predictions."""
    return scored(METRICS[question.task.metric], task_counts(question, "test", predicted))


def scored(
    metric: Metric | TreeMetric | BehaviourMetric, counts: np.ndarray
) -> Iterator[dict[str, Any]]:
    """Score and interval of each of some counts `(cells, groups, k)`."""
    scores = metric.score(counts.sum(axis=1))
    resampled = widened(bootstrap(metric.score, counts), scores, counts.shape[1])
    lows, highs = np.clip(interval(resampled), metric.low, metric.high)
    for score, low, high in zip(scores.tolist(), lows.tolist(), highs.tolist(), strict=True):
        yield {"score": score, "ci_low": low, "ci_high": high}
