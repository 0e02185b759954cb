"""Behaviour change: what became of a task of behaviour between two checkpoints."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import numpy as np

from probekit.forgetting.comparison_rows import AfterFingerprint, BeforeFingerprint, Compared
from probekit.probes.behaviour.behave import Behaved, counts_of
from probekit.results import columns
from probekit.results.columns import OR_BITS, UNIT
from probekit.results.schema import Means, Precedes
from probekit.stats import paired
from probekit.stats.flips import Flips, flips

_Lost = "share of instances right before and wrong after"
_Gained = "share of instances wrong before and right after"
_Chance = "what is expected of it where the answers after are unrelated to those before"


@dataclass(frozen=True, kw_only=True)
class BehaviourChange:
    """A score before and after, their difference, and flips."""

    metric: columns.MetricName
    score_before: Annotated[float, Means("of the checkpoint before", OR_BITS)]
    score_after: Annotated[float, Means("of the checkpoint after", OR_BITS)]
    delta: Annotated[
        float,
        Means(
            "after minus before: negative is forgetting, of `bits` and `kl` positive is", OR_BITS
        ),
    ]
    ci_low: Annotated[float, Means("lower end of its 95% interval", OR_BITS)]
    ci_high: Annotated[float, Means("upper end of it", OR_BITS)]
    p_value: columns.PValue
    detectable: Annotated[float, Means("the minimum detectable effect, before correction", OR_BITS)]
    lost: Annotated[float, Means(f"{_Lost}; empty but for pairs", UNIT)]
    lost_low: Annotated[float, Means("lower end of its 95% interval", UNIT)]
    lost_high: Annotated[float, Means("upper end of it", UNIT)]
    lost_by_chance: Annotated[float, Means(_Chance, UNIT)]
    gained: Annotated[float, Means(f"{_Gained}; empty but for pairs", UNIT)]
    gained_low: Annotated[float, Means("lower end of its 95% interval", UNIT)]
    gained_high: Annotated[float, Means("upper end of it", UNIT)]
    gained_by_chance: Annotated[float, Means(_Chance, UNIT)]
    n_test: Annotated[int, Means("instances that both can read", columns.COUNT)]
    groups: columns.TestGroups
    resampled: columns.Resampled = ""


@dataclass(frozen=True, kw_only=True)
class BehaviourRow(Compared, BehaviourChange):
    """One checkpoint and task of behaviour."""

    task: Annotated[columns.TaskName, Precedes("corpus")]
    p_adjusted: Annotated[columns.AdjustedP, Precedes("detectable")]
    head_before: Annotated[
        str, Means("the model whose head the checkpoint before borrows; empty for its own")
    ]
    head_after: Annotated[str, Means("the same of the checkpoint after")]
    before_fingerprint: BeforeFingerprint
    after_fingerprint: AfterFingerprint
    task_fingerprint: columns.TaskFingerprint


def behaviour_change(before: Behaved, after: Behaved, permutations: int) -> BehaviourChange:
    """The change of one task, over the instances that both models can read.

    Args:
        before, after: of the same question and metric.
        permutations: for the p-value; 0 for none.
    """
    question, metric = before.question, before.measured
    both = (before.is_read & after.is_read)[:, None]
    first = counts_of(question, np.where(both, before.values, np.nan))[None, None]
    second = counts_of(question, np.where(both, after.values, np.nan))[None, None]
    shared = paired.resampling(first.shape[2], permutations=permutations)
    found = paired.difference(metric, first, second, shared)
    flipped = Flips(*[float("nan")] * len(Flips._fields))
    if question.pairs:
        read = both[:, 0]
        right_before, right_after = before.values[read, 0], after.values[read, 0]
        flipped = flips(right_before, right_after, question.groups[read])
    return BehaviourChange(
        metric=metric.name,
        score_before=float(metric.score(first.sum(axis=2))[0, 0]),
        score_after=float(metric.score(second.sum(axis=2))[0, 0]),
        delta=float(found.value[0]),
        ci_low=float(found.low[0]),
        ci_high=float(found.high[0]),
        p_value=float(found.p_value[0]),
        detectable=float(found.detectable[0]),
        **flipped._asdict(),
        n_test=int(both.sum()),
        groups=first.shape[2],
        resampled=question.resampled,
    )
