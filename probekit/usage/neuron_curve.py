"""Neuron curve: what probes score that read the first neurons of a ranking only."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import numpy as np

from probekit.probes.evaluate import task_scores
from probekit.probes.fit import fit
from probekit.probes.fit_settings import FitSettings
from probekit.probes.fitted import Fitted
from probekit.probes.resampled_scores import resampled_scores
from probekit.progress import Progress
from probekit.states.states import States
from probekit.stats.bootstrap import interval, widened
from probekit.stats.metrics import METRICS
from probekit.tasks.question import Question
from probekit.usage.neurons_found import CurveRow
from probekit.usage.some_neurons import Choice, SomeNeurons

Orders = dict[tuple[int, str], np.ndarray]
"""All neurons of a layer in the order of a method, `(dim,)`, by layer and method."""


class Fitting(NamedTuple):
    """How probes are fitted.

    Attributes:
        seeds: one probe for each.
        settings: how they are trained.
        progress: called with the stage, the units done and their number.
    """

    seeds: tuple[int, ...]
    settings: FitSettings
    progress: Progress


def curve_rows(
    states: States, question: Question, orders: Orders, fitting: Fitting, about: Mapping[str, Any]
) -> Iterator[CurveRow]:
    """A row for each order and each power of two, and for all neurons.

    Args:
        states: the states.
        question: the task and its instances.
        orders: which neurons are first.
        fitting: how probes are fitted.
        about: the columns that identify the model, the text and the task.
    """
    layers = list(dict.fromkeys(layer for layer, _ in orders))
    dim = states.dim
    sizes = [2**power for power in range(dim.bit_length()) if 2**power < dim] + [dim]
    for size in sizes:
        choices = [Choice(layer, order[:size]) for (layer, _), order in orders.items()]
        if size == dim:  # the order does not matter
            choices = [Choice(layer, np.arange(dim)) for layer in layers]
        (fitted,) = fit(
            SomeNeurons(states, choices),
            [question],
            seeds=fitting.seeds,
            settings=fitting.settings,
            progress=fitting.progress,
        )
        scores = _scores(fitted)
        for number, (layer, method) in enumerate(orders):
            place = layers.index(layer) if size == dim else number
            score, low, high, dev = (float(values[place]) for values in scores)
            yield CurveRow(
                **about,
                layer=layer,
                method=method,
                neurons=size,
                metric=question.task.metric,
                score=score,
                ci_low=low,
                ci_high=high,
                dev_score=dev,
            )


def _scores(fitted: Fitted) -> tuple[np.ndarray, ...]:
    """Of each choice the score on test, the ends of its interval, and the score on dev."""
    scores, resampled = resampled_scores(fitted)
    metric = METRICS[fitted.question.task.metric]
    n_groups = fitted.question.splits["test"].n_groups
    low, high = np.clip(interval(widened(resampled, scores, n_groups)), metric.low, metric.high)
    dev = task_scores(fitted.question, "dev", fitted.dev_predictions).mean(axis=1)
    return scores, low, high, dev
