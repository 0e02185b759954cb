"""Ablation rows: from what was said before and after ablations to changes with intervals."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from probekit.stats.correction import adjust
from probekit.stats.paired import Refits, difference, permutations_for, resampling
from probekit.usage.erasure_rows import Target
from probekit.usage.neurons_found import AblationRow


class Ablated(NamedTuple):
    """What was said before and after one ablation.

    Attributes:
        layer: the layer changed.
        method: the ranking.
        way: what the neurons were set to.
        neurons: how many.
        read_at: the layer that probes read.
        seeds: number of seeds of the probes.
        said: `(3, draws, n)` predictions: before, without the first neurons, and without as many at
            random, another draw of these each time. The seeds of the probes take turns, so that the
            first rows have one of each.
    """

    layer: int
    method: str
    way: str
    neurons: int
    read_at: int
    seeds: int
    said: np.ndarray


def ablation_rows(
    found: Sequence[Ablated], target: Target, about: Mapping[str, Any]
) -> list[AblationRow]:
    """A row for each ablation of one task; p-values are corrected over all of them (Holm).

    The first neurons are compared with another draw of random ones, and not with the mean of the
    draws: beside the standard error of that mean, the standard deviation between draws counts.
    """
    said = np.stack([one.said for one in found], axis=1)
    # Counted together, so that labels have the same numbers in all.
    before, first, random = target.counts(said)
    shared = resampling(before.shape[2], permutations=permutations_for(len(found)))
    seeds = slice(found[0].seeds)
    change = difference(target.metric, before[:, seeds], first[:, seeds], shared)
    beyond = difference(target.metric, random, first, shared, refits=Refits(random, first))
    score = target.metric.score
    scores = [score(one.sum(axis=2)).mean(axis=1) for one in (before, random)]
    adjusted = adjust(beyond.p_value, "holm")
    rows = []
    for number, one in enumerate(found):
        row = AblationRow(
            **about,
            task=target.name,
            layer=one.layer,
            method=one.method,
            way=one.way,
            neurons=one.neurons,
            read_at=one.read_at,
            metric=target.metric.name,
            seeds=one.seeds,
            draws=one.said.shape[1],
            score_before=float(scores[0][number]),
            change=float(change.value[number]),
            ci_low=float(change.low[number]),
            ci_high=float(change.high[number]),
            random_change=float(scores[1][number] - scores[0][number]),
            beyond=float(beyond.value[number]),
            beyond_low=float(beyond.low[number]),
            beyond_high=float(beyond.high[number]),
            p_value=float(beyond.p_value[number]),
            p_adjusted=float(adjusted[number]),
        )
        rows.append(row)
    return rows
