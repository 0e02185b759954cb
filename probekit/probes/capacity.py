"""Capacity: scores of smaller and larger probes, against the number of their parameters.

A score of one kind of probe leaves open what a smaller or a larger one would read out: Pimentel et
al. 2020 report the whole trade-off, and which probes no smaller one beats.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any

import numpy as np

from probekit.probes.answers import AnyFitted, mean_scores, metric_of
from probekit.probes.resampled_scores import resampled_scores
from probekit.probes.score_rows import Before, Measured
from probekit.probes.structural.fitted_trees import FittedTrees
from probekit.results import columns
from probekit.results.columns import UNIT
from probekit.results.schema import Means, Precedes, schema_of
from probekit.stats.bootstrap import interval, widened
from probekit.stats.pareto import pareto_front

RANKS = (1, 2, 4, 8, 16, 32)
UNITS = (8, 16, 32, 64, 128, 256)
SWEEP = (
    *(f"rank:{rank}" for rank in RANKS),
    "linear",
    *(f"mlp:{units}" for units in UNITS),
)
"""The kinds of probe that are compared; of structural probes, which have no units, the ranks."""


@dataclass(frozen=True, kw_only=True)
class CapacityRow(Measured):
    """One model, task, kind of probe and layer; means over seeds."""

    layer: Annotated[int, Means("the layer probed", "from 0"), Precedes("metric")]
    parameters: Annotated[int, Means("numbers that a probe learns", "from 1"), Before]
    score: Annotated[float, Means("by the task's metric, as in scores.csv", UNIT), Before]
    ci_low: Annotated[float, Means("lower end of the 95% interval", UNIT), Before]
    ci_high: Annotated[float, Means("upper end of it", UNIT), Before]
    dev_score: Annotated[float, Means("the metric on dev", UNIT), Before]
    on_front: Annotated[
        int,
        Means(
            "1 on the Pareto front of `score` against `parameters`: at this layer no smaller probe "
            "scores as high, and none of the same size higher; else 0",
            "0 or 1",
        ),
        Before,
    ]
    n_test: Annotated[columns.TestInstances, Before]
    seeds: Annotated[int, Means("how many probes", "from 1"), Before]


CAPACITY = schema_of(
    "capacity",
    "a kind of probe at one layer",
    CapacityRow,
    ("model", "task", "corpus", "probe", "layer"),
)


def capacity_rows(kinds: Sequence[AnyFitted], about: Mapping[str, Any]) -> Iterator[CapacityRow]:
    """A row for each kind of probe and layer.

    Args:
        kinds: probes of one task, of the same single layers, each of another kind.
        about: the columns that identify the model, the task and the corpus.
    """
    scored = [resampled_scores(fitted) for fitted in kinds]
    scores = np.stack([means for means, _ in scored])  # (kinds, layers)
    parameters = np.array([n_parameters(fitted) for fitted in kinds])
    fronts = np.stack([pareto_front(parameters, at_layer) for at_layer in scores.T], axis=1)
    metric = metric_of(kinds[0].question.task)
    for number, fitted in enumerate(kinds):
        question = fitted.question
        means, resampled = scored[number]
        spread = widened(resampled, means, question.splits["test"].n_groups)
        lows, highs = np.clip(interval(spread), metric.low, metric.high)
        on_dev = mean_scores(question, "dev", fitted.dev_predictions)
        for i, layer in enumerate(fitted.layers):
            yield CapacityRow(
                **about,
                probe=fitted.head,
                layer=layer,
                parameters=int(parameters[number]),
                score=float(means[i]),
                ci_low=float(lows[i]),
                ci_high=float(highs[i]),
                dev_score=float(on_dev[i]),
                on_front=int(fronts[number, i]),
                n_test=len(question.splits["test"]),
                seeds=len(fitted.seeds),
            )


def n_parameters(fitted: AnyFitted) -> int:
    """How many numbers one of the probes learns."""
    if isinstance(fitted, FittedTrees):
        return fitted.n_parameters
    _, stack = fitted.stacks[0]
    # By name: a head may read a task with another span vector than the task says.
    task = [task.name for task in stack.tasks].index(fitted.question.task.name)
    return sum(parameter.numel() for parameter in stack.cell(task, 0, 0))
