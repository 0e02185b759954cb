"""Together: whether what probes read and what the model does change together, over checkpoints."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Annotated

import numpy as np

from probekit.forgetting.behaviour_change import BehaviourRow
from probekit.forgetting.comparison_rows import BestRow
from probekit.results import columns
from probekit.results.columns import CHANGE, COUNT
from probekit.results.schema import Means, schema_of
from probekit.stats.rank_correlation import rank_correlation

LEAST = 2  # checkpoints after


@dataclass(frozen=True, kw_only=True)
class TogetherRow:
    """A task of probes and one of behaviour, over all checkpoints after."""

    before: Annotated[str, Means("the checkpoint that changes count from")]
    probe_task: Annotated[str, Means("the task of probes; its change is that of the best layers")]
    task: Annotated[str, Means("the task of behaviour")]
    metric: columns.MetricName
    corpus: columns.CorpusName
    checkpoints: Annotated[int, Means("how many checkpoints after", COUNT)]
    rho: Annotated[
        float,
        Means(
            "Spearman's correlation of the two changes over these checkpoints; empty where one of "
            "them does not vary",
            CHANGE,
        ),
    ]
    rho_low: Annotated[
        float,
        Means("lower end of its 95% interval; empty for fewer than 4 checkpoints", CHANGE),
    ]
    rho_high: Annotated[float, Means("upper end of it", CHANGE)]


TOGETHER = schema_of(
    "together",
    "a task of probes and one of behaviour",
    TogetherRow,
    ("before", "probe_task", "task", "metric", "corpus"),
)


def together(best: Sequence[BestRow], behaviour: Sequence[BehaviourRow]) -> Iterator[TogetherRow]:
    """A row for each task of probes and each of behaviour on the same corpus.

    Args:
        best: changes of the best layers.
        behaviour: changes of behaviour.
    """
    tasks = dict.fromkeys((row.task, row.corpus) for row in best)
    of_behaviour = dict.fromkeys((row.task, row.metric, row.corpus) for row in behaviour)
    for (probe_task, corpus), (task, metric, where) in product(tasks, of_behaviour):
        if corpus != where:
            continue
        probed: dict[str, float] = {}
        for one in best:
            if (one.task, one.corpus) == (probe_task, corpus):
                probed[one.after] = one.delta
        behaved: dict[str, float] = {}
        for row in behaviour:
            if (row.task, row.metric, row.corpus) == (task, metric, corpus):
                behaved[row.after] = row.delta
        both = [after for after in probed if after in behaved]
        if len(both) < LEAST:
            continue
        first = np.array([probed[after] for after in both])
        second = np.array([behaved[after] for after in both])
        found = rank_correlation(first, second)
        yield TogetherRow(
            before=behaviour[0].before,
            probe_task=probe_task,
            task=task,
            metric=metric,
            corpus=corpus,
            checkpoints=len(both),
            rho=found.rho,
            rho_low=found.low,
            rho_high=found.high,
        )
