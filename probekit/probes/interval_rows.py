"""Interval rows: intervals of scores that also cover the training sentences and the initial
weights.

The intervals of scores.csv hold a probe fixed, and cover other test sentences. Other training
sentences and other seeds would have given another probe.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np

from probekit.probes.answers import AnyFitted, counts, metric_of
from probekit.probes.score_rows import EXPERIMENT, Before, Measured
from probekit.results import columns
from probekit.results.columns import UNIT
from probekit.results.schema import Means, Precedes, schema_of
from probekit.stats.bootstrap import interval
from probekit.stats.paired import resampled_values, resampling
from probekit.stats.sources import Values, spread_of

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, kw_only=True)
class IntervalRow(Measured):
    """One model, task, kind of probe and layer."""

    layer: Annotated[int, Means("the layer probed", "from 0"), Precedes("metric")]
    score: Annotated[float, Means("mean over seeds, as in scores.csv", UNIT), Before]
    ci_low: Annotated[
        float,
        Means(
            "lower end of the 95% interval, which covers test sentences, training sentences and "
            "seeds",
            UNIT,
        ),
        Before,
    ]
    ci_high: Annotated[float, Means("upper end of it", UNIT), Before]
    seeds: Annotated[int, Means("how many probes", "from 1"), Before]
    resamples: Annotated[columns.TrainResamples, Before]
    from_test: Annotated[columns.FromTest, Before]
    from_seeds: Annotated[columns.FromSeeds, Before]
    from_training: Annotated[columns.FromTraining, Before]


INTERVALS = schema_of(
    "intervals",
    "a kind of probe at one layer",
    IntervalRow,
    ("model", "task", "corpus", "probe", "layer"),
)


def interval_rows(fitted: AnyFitted, about: Mapping[str, Any]) -> Iterator[IntervalRow]:
    """A row for each layer.

    Args:
        fitted: probes of single layers, with their refits on resamples of the training sentences.
        about: the columns that identify the model, the task, the corpus and the fit.
    """
    assert fitted.refits is not None
    question = fitted.question
    metric = metric_of(question.task)
    n_seeds, n_resamples = len(fitted.seeds), fitted.refits.shape[1]
    # Counted together, so that labels have the same numbers in both.
    predicted = np.concatenate([fitted.predictions, fitted.refits], axis=1)
    (counted,) = counts(question, "test", [predicted])
    groups = counted.shape[2]
    drawn = resampling(groups, permutations=0).resamples
    for number, layer in enumerate(fitted.layers):
        of_layer = counted[number : number + 1]
        observed = metric.score(of_layer.sum(axis=2))
        resampled = resampled_values(metric.score, drawn, of_layer)
        spread = spread_of(
            Values(observed[:, :n_seeds], resampled[:, :n_seeds]),
            Values(observed[:, n_seeds:], resampled[:, n_seeds:]),
            groups=groups,
            variates=len(drawn),
        )
        low, high = np.clip(interval(spread.resampled), metric.low, metric.high)
        yield IntervalRow(
            **about,
            probe=fitted.head,
            layer=layer,
            score=float(observed[:, :n_seeds].mean()),
            ci_low=float(low[0]),
            ci_high=float(high[0]),
            seeds=n_seeds,
            resamples=n_resamples,
            from_test=float(spread.from_test[0]),
            from_seeds=float(spread.from_seeds[0]),
            from_training=float(spread.from_training[0]),
        )


def with_intervals(rows: pd.DataFrame, intervals: pd.DataFrame) -> pd.DataFrame:
    """Rows of scores, each with the interval of its layer where `intervals` has one."""
    if intervals.empty:
        return rows
    keys = [column for column in EXPERIMENT if column in intervals]
    ends = ["ci_low", "ci_high"]
    found = rows[keys].merge(intervals[[*keys, *ends]], on=keys, how="left")
    return rows.assign(**{end: found[end].set_axis(rows.index).fillna(rows[end]) for end in ends})
