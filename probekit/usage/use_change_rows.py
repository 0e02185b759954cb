"""Use change rows: what erasures broke before and after, paired sentence by sentence."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from probekit.forgetting.comparison_rows import Compared
from probekit.stats.behaviour_metrics import BehaviourMetric
from probekit.stats.correction import Correction, adjust
from probekit.stats.metrics import Metric
from probekit.stats.paired import (
    Difference,
    Resampling,
    difference,
    permutations_for,
    resampling,
)
from probekit.usage.erasure import RANDOM
from probekit.usage.erasure_rows import Outcome
from probekit.usage.use_change import UseRow

Place = tuple[int, str, int | None, str]
"""The layer erased, what was measured, the layer that probes read, and the kind of probe."""


@dataclass(frozen=True)
class Broken:
    """What erasing one task broke in one checkpoint, beside as many random dimensions.

    Attributes:
        of_task, of_random: outcomes by their places.
    """

    of_task: Mapping[Place, Outcome]
    of_random: Mapping[Place, Outcome]


def broken(outcomes: Sequence[Outcome]) -> Broken:
    """The outcomes of one erased task, by their places."""
    of_task: dict[Place, Outcome] = {}
    of_random: dict[Place, Outcome] = {}
    for one in outcomes:
        place = (one.cut.layer, one.target.name, one.read_at, one.probe)
        found = of_random if one.cut.erased == RANDOM else of_task
        found[place] = one
    return Broken(of_task, of_random)


@dataclass(frozen=True)
class UsePair:
    """What erasing one task broke in two checkpoints.

    Attributes:
        about: the two checkpoints.
        task_fingerprint: of the task.
        before, after: what broke.
    """

    about: Compared
    task_fingerprint: str
    before: Broken
    after: Broken

    @property
    def places(self) -> list[Place]:
        """The places that were measured in both."""
        return [place for place in self.before.of_task if place in self.after.of_task]


def use_change_rows(pairs: Sequence[UsePair], correction: Correction) -> list[UseRow]:
    """A row for each pair and place; p-values are corrected over all of them.

    Args:
        pairs: of one corpus.
        correction: of p-values.
    """
    permutations = permutations_for(sum(len(pair.places) for pair in pairs))
    shared: dict[int, Resampling] = {}
    rows: list[UseRow] = []
    for pair in pairs:
        for places in _alike(pair.places):
            rows += _rows(pair, places, permutations, shared)
    adjusted = adjust(np.array([row.p_value for row in rows]), correction)
    return [replace(row, p_adjusted=float(p)) for row, p in zip(rows, adjusted, strict=True)]


def drop_of(metric: Metric | BehaviourMetric) -> Metric | BehaviourMetric:
    """The metric's drop: of counts `(…, 2 k)`, the score of the first half less that of the second.

    Two checkpoints' drops are compared as their scores are: in a resample a sentence has both of
    its scores, without and with the erasure, and under the null hypothesis a sentence's two drops
    can be exchanged.
    """

    def drop(counts: np.ndarray) -> np.ndarray:
        without, erased = np.split(counts, 2, axis=-1)
        return metric.score(without) - metric.score(erased)

    most = metric.largest_difference
    return replace(metric, score=drop, low=-most, high=most)


def _alike(places: Sequence[Place]) -> Iterator[list[Place]]:
    """Places of one layer and target, which are tested together."""
    found: dict[tuple[int, str], list[Place]] = {}
    for place in places:
        found.setdefault(place[:2], []).append(place)
    yield from found.values()


@dataclass(frozen=True)
class _Counts:
    """What the metric counts of one checkpoint, `(cells, seeds, groups, k)` each: without an
    erasure, with the task erased, and with random dimensions erased."""

    clean: np.ndarray
    erased: np.ndarray
    random: np.ndarray

    @property
    def drop(self) -> np.ndarray:
        """Counts of `drop_of`: without an erasure, and with the task erased."""
        return np.concatenate([self.clean, self.erased], axis=-1)

    @property
    def beyond(self) -> np.ndarray:
        """Likewise, with random dimensions erased, and with the task erased."""
        return np.concatenate([self.random, self.erased], axis=-1)


def _counted(pair: UsePair, places: Sequence[Place]) -> tuple[_Counts, _Counts]:
    """The counts of both checkpoints, counted together, so that labels have the same numbers."""
    said = []
    for one in (pair.before, pair.after):
        random = [one.of_random[place].after for place in places]
        shape = random[0].shape
        clean = [np.broadcast_to(one.of_task[place].before, shape) for place in places]
        erased = [np.broadcast_to(one.of_task[place].after, shape) for place in places]
        said += [np.stack(clean), np.stack(erased), np.stack(random)]
    target = pair.before.of_task[places[0]].target
    counts = target.counts(np.stack(said))
    return _Counts(*counts[:3]), _Counts(*counts[3:])


def _rows(
    pair: UsePair, places: Sequence[Place], permutations: int, shared: dict[int, Resampling]
) -> Iterator[UseRow]:
    """The rows of one layer and target."""
    target = pair.before.of_task[places[0]].target
    metric, drop = target.metric, drop_of(target.metric)
    before, after = _counted(pair, places)
    groups = before.clean.shape[2]
    if groups not in shared:
        shared[groups] = resampling(groups, permutations=permutations)
    permuted = shared[groups]
    # Without permutations: only the change of the drop has a p-value.
    resampled = Resampling(permuted.resamples, permuted.permutations[:0])
    change = difference(drop, before.drop, after.drop, permuted)
    found = {
        "delta": difference(metric, before.clean, after.clean, resampled),
        "drop_before": difference(metric, before.erased, before.clean, resampled),
        "drop_after": difference(metric, after.erased, after.clean, resampled),
        "beyond_before": difference(metric, before.erased, before.random, resampled),
        "beyond_after": difference(metric, after.erased, after.random, resampled),
        "beyond_change": difference(drop, before.beyond, after.beyond, resampled),
    }
    scores = [metric.score(one.clean.sum(axis=2)).mean(axis=1) for one in (before, after)]
    for number, place in enumerate(places):
        first, second = pair.before.of_task[place], pair.after.of_task[place]
        yield UseRow(
            **vars(pair.about),
            **_intervals(found, number),
            erased=first.cut.erased,
            layer=first.cut.layer,
            rank_before=first.cut.rank,
            rank_after=second.cut.rank,
            affected=target.name,
            read_at=first.read_at,
            probe=first.probe,
            metric=metric.name,
            seeds=before.clean.shape[1],
            score_before=float(scores[0][number]),
            score_after=float(scores[1][number]),
            change=float(change.value[number]),
            ci_low=float(change.low[number]),
            ci_high=float(change.high[number]),
            p_value=float(change.p_value[number]),
            p_adjusted=float("nan"),
            detectable=float(change.detectable[number]),
            majority=target.majority,
            n_test=target.n_test,
            task_fingerprint=pair.task_fingerprint,
        )


def _intervals(found: Mapping[str, Difference], number: int) -> dict[str, Any]:
    """The columns of several differences and their intervals, of one row."""
    columns: dict[str, Any] = {}
    for name, one in found.items():
        columns[name] = float(one.value[number])
        columns[f"{name}_low"] = float(one.low[number])
        columns[f"{name}_high"] = float(one.high[number])
    return columns
