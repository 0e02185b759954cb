"""Parts: what the drop of a probe is made of, with intervals."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from probekit.forgetting.probe_pair import ProbePair
from probekit.probes.answers import counts, metric_of
from probekit.stats.bootstrap import interval
from probekit.stats.paired import minimum_detectable
from probekit.stats.sources import Values, spread_of


class Estimate(NamedTuple):
    """A mean over seeds, with the ends of its 95% interval."""

    value: float
    low: float
    high: float


class Parts(NamedTuple):
    """The drop of a probe, what is left of it after a map, and its four parts."""

    drop: Estimate
    drop_detectable: float
    mapped_drop: Estimate
    rotation: Estimate
    re_encoding: Estimate
    relocation: Estimate
    loss: Estimate


class _Split(NamedTuple):
    """The same, `(…)` each: of every seed, or of every seed and resample."""

    drop: np.ndarray
    mapped_drop: np.ndarray
    rotation: np.ndarray
    re_encoding: np.ndarray
    relocation: np.ndarray
    loss: np.ndarray


def parts_of(
    pair: ProbePair, levels: Sequence[np.ndarray], resamples: np.ndarray, *, has_plain: bool
) -> Parts:
    """The drop and its parts, with their intervals.

    Args:
        pair: the task and its probes.
        levels: answers of the readings, `before` first, `(seeds, n)` each.
        resamples: how often each group is drawn, `(resamples, groups)`.
        has_plain: whether the probe reads `after` as it is.
    """
    metric = metric_of(pair.question.task)
    (counted,) = counts(pair.question, "test", [np.stack(levels)])
    groups = counted.shape[2]
    of_seeds = _split(metric.score(counted.sum(axis=2)), has_plain)
    flat = counted.transpose(2, 0, 1, 3).reshape(groups, -1)
    sums = (resamples @ flat).reshape(len(resamples), *counted.shape[:2], -1)
    of_resamples = _split(metric.score(sums).transpose(1, 2, 0), has_plain)
    spreads = []
    for seeds, resampled in zip(of_seeds, of_resamples, strict=True):
        spreads.append(_spread(seeds, resampled, groups))
    most = metric.largest_difference
    drop, *others = [_estimate(value, spread, most) for value, spread in spreads]
    value, spread = spreads[0]
    (detectable,) = minimum_detectable(spread, value, most)
    return Parts(drop, float(detectable), *others)


def _spread(seeds: np.ndarray, resampled: np.ndarray, groups: int) -> tuple[np.ndarray, np.ndarray]:
    """The mean over seeds, `(1,)`, and its values in resamples, `(1, resamples)`."""
    value = seeds[None].mean(axis=1)
    values = Values(seeds[None], resampled[None])
    spread = spread_of(values, None, groups=groups, variates=resampled.shape[-1])
    return value, spread.resampled


def _estimate(value: np.ndarray, spread: np.ndarray, most: float) -> Estimate:
    # Widened for few sentences, intervals may leave the range that differences of scores have.
    low, high = np.clip(interval(spread), -most, most)
    return Estimate(float(value[0]), float(low[0]), float(high[0]))


def _split(scores: np.ndarray, has_plain: bool) -> _Split:
    """The drop and its parts from the readings' scores, `(levels, …)`."""
    if has_plain:
        before, plain, mapped, here, now, then = scores
        drop = before - plain
    else:
        before, mapped, here, now, then = scores
        plain = np.full_like(before, np.nan)
        drop = before - mapped
    moved = relocated(before, here, now, then)
    return _Split(
        drop=drop,
        mapped_drop=before - mapped,
        rotation=mapped - plain,
        re_encoding=here - mapped,
        relocation=moved,
        loss=before - here - moved,
    )


def relocated(before: Any, here: Any, now: Any, then: Any) -> Any:
    """The part of what was known here before, and is not now, that another layer has gained.

    Args:
        before: score of this layer before.
        here: of the best reading of this layer after.
        now: of the other layer after.
        then: of the other layer before.
    """
    known = np.minimum(now, np.maximum(before, here))
    return np.maximum(known - np.maximum(then, here), 0)
