"""Seen rows: the scores of a task's best layer, split by kinds of test instances."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import chain
from typing import Annotated, Any

import numpy as np

from probekit.corpora.passage import Corpus
from probekit.probes.evaluate import task_scores
from probekit.probes.fitted import Fitted
from probekit.probes.score_rows import Before, Measured
from probekit.probes.slices import pair_slices, slices
from probekit.results import columns
from probekit.results.columns import CHANGE, UNIT
from probekit.results.schema import Means, Precedes, schema_of
from probekit.stats.bootstrap import RESAMPLES, interval, resample, widened
from probekit.stats.metrics import METRICS
from probekit.tasks.question import Question


@dataclass(frozen=True, kw_only=True)
class SeenRow(Measured):
    """Some test instances of one model, task and kind of probe; means over seeds."""

    layer: Annotated[int, Means("the one with the best dev score", "from 0"), Precedes("metric")]
    kind: Annotated[columns.SliceKind, Before]
    value: Annotated[str, Means("`yes` or `no`, or the range"), Before]
    score: Annotated[float, Means("of these test instances", UNIT), Before]
    ci_low: Annotated[columns.Low, Before]
    ci_high: Annotated[columns.High, Before]
    difference: Annotated[
        float,
        Means("`score` less that of all other test instances; empty where there are none", CHANGE),
        Before,
    ]
    difference_low: Annotated[float, Means("lower end of its 95% interval", CHANGE), Before]
    difference_high: Annotated[float, Means("upper end of it", CHANGE), Before]
    n_test: Annotated[int, Means("how many they are", "from 1"), Before]
    seeds: Annotated[int, Means("how many probes", "from 1"), Before]
    test_corpus: Annotated[columns.TestCorpus, Before] = ""
    test_fingerprint: Annotated[columns.TestFingerprint, Before] = ""


SEEN = schema_of(
    "seen",
    "a kind of test instance",
    SeenRow,
    ("model", "task", "corpus", "probe", "kind", "value", "test_corpus"),
)


def seen_rows(fitted: Fitted, corpus: Corpus, about: Mapping[str, Any]) -> Iterator[SeenRow]:
    """A row for each kind of test instance that occurs.

    Args:
        fitted: probes of single layers.
        corpus: its words.
        about: the columns that identify the model, the task and the corpus.
    """
    dev_scores = task_scores(fitted.question, "dev", fitted.dev_predictions).mean(axis=1)
    best = int(dev_scores.argmax())
    predicted, metric = fitted.predictions[best], METRICS[fitted.question.task.metric]
    groups = np.unique(fitted.question.splits["test"].groups, return_inverse=True)[1]
    weights = resample(int(groups[-1]) + 1, RESAMPLES, np.random.default_rng(0)).astype(np.float64)
    every = chain(slices(fitted.question, corpus), pair_slices(fitted.question, corpus))
    for kind, value, mask in every:
        if not mask.any():
            continue
        these = _Resampled.of(fitted.question, predicted, mask, groups, weights)
        others = _Resampled.of(fitted.question, predicted, ~mask, groups, weights)
        low, high = np.clip(
            _interval(these.scores, these.score, these.groups), metric.low, metric.high
        ).tolist()
        difference = these.score - others.score
        most = metric.largest_difference
        ends = np.clip(
            _interval(these.scores - others.scores, difference, min(these.groups, others.groups)),
            -most,
            most,
        ).tolist()
        yield SeenRow(
            **about,
            probe=fitted.head,
            layer=fitted.layers[best],
            kind=kind,
            value=value,
            score=these.score,
            ci_low=low,
            ci_high=high,
            difference=difference,
            difference_low=ends[0],
            difference_high=ends[1],
            n_test=int(mask.sum()),
            seeds=len(fitted.seeds),
        )


@dataclass(frozen=True)
class _Resampled:
    """The score of some test instances, and how it moves with other sentences.

    Attributes:
        score: the mean over seeds; missing (NaN) without an instance.
        scores: those of resamples `(resamples,)`, missing where none of the instances is drawn.
        groups: how many sentences or documents have one of the instances.
    """

    score: float
    scores: np.ndarray
    groups: int

    @classmethod
    def of(
        cls,
        question: Question,
        predicted: np.ndarray,
        mask: np.ndarray,
        groups: np.ndarray,
        weights: np.ndarray,
    ) -> _Resampled:
        """Of the instances in `mask` `(n,)`.

        Args:
            question: the task and its instances.
            predicted: `(seeds, n)` labels.
            mask: the instances that count.
            groups: `(n,)` numbers of the sentences or documents.
            weights: `(resamples, groups)` how often each is drawn.
        """
        nothing = float("nan")
        if not mask.any():
            return cls(nothing, np.full(len(weights), nothing), 0)
        task, gold = question.task, question.splits["test"].labels
        metric = METRICS[task.metric]
        positive = question.classes.index(task.positive) if task.positive else None
        counts = metric.counts(predicted[:, mask], gold[mask], groups[mask], positive)
        # Counts end with the last sentence that has an instance.
        used = weights[:, : counts.shape[1]]
        scores = np.mean([metric.score(used @ of_seed) for of_seed in counts], axis=0)
        has_instance = np.bincount(groups[mask]) > 0
        scores[~(used[:, has_instance] > 0).any(axis=1)] = nothing
        score = float(metric.score(counts.sum(axis=1)).mean())
        return cls(score, scores, int(has_instance.sum()))


def _interval(scores: np.ndarray, value: float, groups: int) -> tuple[float, float]:
    """The ends of an interval, from the resamples that have a score; missing without one."""
    found = scores[np.isfinite(scores)][None, :]
    if groups < 2:
        return float("nan"), float("nan")
    low, high = interval(widened(found, np.array([value]), groups))
    return float(low[0]), float(high[0])
