"""Selectivity: how much better a probe does on its task than on a control task.

A probe that does as well where labels are drawn for each type has memorised types (Hewitt and Liang
2019, equation 1).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Annotated, Any

import numpy as np

from probekit.probes.answers import AnyFitted, metric_of
from probekit.probes.resampled_scores import resampled_scores
from probekit.probes.score_rows import Before, Measured
from probekit.results import columns
from probekit.results.columns import CHANGE, UNIT
from probekit.results.schema import Means, Precedes, schema_of
from probekit.stats.bootstrap import interval, widened


@dataclass(frozen=True, kw_only=True)
class SelectivityRow(Measured):
    """One model, task, kind of probe and layer; means over seeds."""

    layer: Annotated[int, Means("the layer probed", "from 0"), Precedes("metric")]
    score: Annotated[float, Means("on the task, as in scores.csv", UNIT), Before]
    control_score: Annotated[float, Means("of probes trained on control labels", UNIT), Before]
    selectivity: Annotated[float, Means("`score` less `control_score`", CHANGE), Before]
    ci_low: Annotated[columns.Low, Before]
    ci_high: Annotated[columns.High, Before]
    known_types: Annotated[
        float,
        Means(
            "share of test instances whose type occurs in training: "
            "what memorising types can reach",
            UNIT,
        ),
        Before,
    ]
    n_test: Annotated[columns.TestInstances, Before]
    seeds: Annotated[int, Means("how many probes on either labels", "from 1"), Before]


SELECTIVITY = schema_of(
    "selectivity",
    "a kind of probe at one layer",
    SelectivityRow,
    ("model", "task", "corpus", "probe", "layer"),
)


def selectivity_rows(
    gold: AnyFitted, control: AnyFitted, known_types: float, about: Mapping[str, Any]
) -> Iterator[SelectivityRow]:
    """A row for each layer.

    Args:
        gold, control: probes of the same views and seeds, of a question and of its control.
        known_types: share of the test instances (of a structural task of the words) whose type
            occurs in training.
        about: the columns that identify the model, the task and the corpus.
    """
    scores, resampled = resampled_scores(gold)
    control_scores, control_resampled = resampled_scores(control)
    selectivity = scores - control_scores
    groups = gold.question.splits["test"].n_groups
    # Both are scores of the same resamples of the test sentences: their difference is paired.
    differences = widened(resampled - control_resampled, selectivity, groups)
    most = metric_of(gold.question.task).largest_difference
    lows, highs = np.clip(interval(differences), -most, most)
    for i, layer in enumerate(gold.layers):
        yield SelectivityRow(
            **about,
            probe=gold.head,
            layer=layer,
            score=float(scores[i]),
            control_score=float(control_scores[i]),
            selectivity=float(selectivity[i]),
            ci_low=float(lows[i]),
            ci_high=float(highs[i]),
            known_types=known_types,
            n_test=len(gold.question.splits["test"]),
            seeds=len(gold.seeds),
        )
