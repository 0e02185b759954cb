"""Erasure rows: from what was said before and after erasures to changes with intervals."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np

from probekit.stats.behaviour_metrics import BehaviourMetric
from probekit.stats.correction import adjust
from probekit.stats.metrics import Metric
from probekit.stats.paired import Resampling, difference, permutations_for, resampling
from probekit.usage.erasure import ErasureRow


@dataclass(frozen=True)
class Target:
    """What is measured before and after.

    Attributes:
        name: of the task, or `head`.
        metric: the metric.
        counts: from predictions `(…, n)`, or of a language model what is counted of each instance
            `(…, n, 2)`, to the metric's counts `(…, groups, k)`.
        majority: score of the most frequent training label, or by chance; missing (NaN) of bits.
        n_test: number of test instances.
    """

    name: str
    metric: Metric | BehaviourMetric
    counts: Callable[[np.ndarray], np.ndarray]
    majority: float
    n_test: int


class Cut(NamedTuple):
    """One erasure.

    Attributes:
        layer: the layer that it was done at.
        erased: what was erased.
        rank: number of its dimensions.
    """

    layer: int
    erased: str
    rank: int


@dataclass(frozen=True)
class Outcome:
    """What was said before and after one erasure.

    Attributes:
        cut: the erasure.
        target: what is measured.
        read_at: the layer that probes read; None for the head and for behaviour.
        probe: `clean` or `retrained`; empty for the head and for behaviour.
        before, after: `(seeds, n)` predictions; of behaviour `(seeds, n, 2)`, what is counted.
    """

    cut: Cut
    target: Target
    read_at: int | None
    probe: str
    before: np.ndarray
    after: np.ndarray


def erasure_rows(outcomes: Sequence[Outcome], about: dict[str, Any]) -> list[ErasureRow]:
    """A row for each outcome, in their order; p-values are corrected over all of them (Holm).

    Args:
        outcomes: of one model and corpus.
        about: the columns that identify these.
    """
    found: dict[int, ErasureRow] = {}
    shared: dict[int, Resampling] = {}
    for numbers in _alike(outcomes):
        cells = [outcomes[number] for number in numbers]
        for number, row in zip(numbers, _rows(cells, len(outcomes), about, shared), strict=True):
            found[number] = row
    rows = [found[number] for number in range(len(outcomes))]
    adjusted = adjust(np.array([row.p_value for row in rows]), "holm")
    return [replace(row, p_adjusted=float(p)) for row, p in zip(rows, adjusted, strict=True)]


def _alike(outcomes: Sequence[Outcome]) -> Iterator[list[int]]:
    """The numbers of outcomes of one target and number of seeds, which are tested together."""
    found: dict[tuple[str, int], list[int]] = {}
    for number, one in enumerate(outcomes):
        found.setdefault((one.target.name, len(one.after)), []).append(number)
    yield from found.values()


def _rows(
    cells: Sequence[Outcome], tests: int, about: dict[str, Any], shared: dict[int, Resampling]
) -> Iterator[ErasureRow]:
    """The rows of outcomes of one target; `tests` is the number of all p-values."""
    target = cells[0].target
    said = np.stack([np.stack([one.before, one.after]) for one in cells], axis=1)
    # Counted together, so that labels have the same numbers in all.
    first, second = target.counts(said)
    groups = first.shape[2]
    if groups not in shared:
        shared[groups] = resampling(groups, permutations=permutations_for(tests))
    found = difference(target.metric, first, second, shared[groups])
    before, after = (
        target.metric.score(counts.sum(axis=2)).mean(axis=1) for counts in (first, second)
    )
    for number, one in enumerate(cells):
        yield ErasureRow(
            **about,
            **one.cut._asdict(),
            affected=target.name,
            read_at=one.read_at,
            probe=one.probe,
            metric=target.metric.name,
            seeds=len(one.after),
            score_before=float(before[number]),
            score_after=float(after[number]),
            change=float(found.value[number]),
            ci_low=float(found.low[number]),
            ci_high=float(found.high[number]),
            p_value=float(found.p_value[number]),
            p_adjusted=float("nan"),
            majority=target.majority,
            n_test=target.n_test,
        )
