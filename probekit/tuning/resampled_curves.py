"""Resampled curves: the scores of every method at every number of labels, with other test texts and
other seeds."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from probekit.stats.bootstrap import interval, resample, widened
from probekit.tuning.metrics import METRICS, RESAMPLES, resampled_scores


@dataclass(frozen=True)
class Curves:
    """Scores of methods, and their resamples.

    Attributes:
        cells: `(methods, labels, seeds)` scores.
        cell_ends: `(2, methods, labels, seeds)` ends of their intervals over test texts.
        means: `(methods, labels)`, over seeds.
        over_texts: `(methods, labels, resamples)` of these means, over test texts only.
        resampled: `(methods, labels, resamples)` of these means, over test texts and seeds jointly;
            over texts only where there is one seed. Missing (NaN) for a single text.
        ends: `(2, methods, labels)` ends of the means' intervals.
    """

    cells: np.ndarray
    cell_ends: np.ndarray
    means: np.ndarray
    over_texts: np.ndarray
    resampled: np.ndarray
    ends: np.ndarray


def resampled_curves(metric: str, gold: np.ndarray, groups: np.ndarray, said: np.ndarray) -> Curves:
    """Score predictions, and resample the test texts (documents that have one label) and the seeds.

    All methods, numbers of labels and seeds share the resampled texts, and all methods and numbers
    of labels the resampled seeds. So differences between curves are paired. Since there are few
    seeds, deviations are widened (see `stats.bootstrap.widened`).

    Args:
        metric: a name in METRICS.
        gold: `(n,)` gold labels or numbers.
        groups: `(n,)` the number of the text or document of each one; never decreases.
        said: `(methods, labels, seeds, n)` predictions.
    """
    shape, texts, seeds = said.shape[:3], len(np.unique(groups)), said.shape[2]
    random = np.random.default_rng(0)
    weights = resample(texts, RESAMPLES, random)
    score = METRICS[metric].score
    flat = said.reshape(-1, said.shape[-1])
    cells = np.array([score(gold, one) for one in flat])
    moved = np.stack([resampled_scores(metric, gold, one, groups, weights) for one in flat])
    moved = widened(moved, cells, texts)
    limits = METRICS[metric].low, METRICS[metric].high
    cell_ends = np.clip(interval(moved), *limits).reshape(2, *shape)
    cells, moved = cells.reshape(shape), moved.reshape(*shape, RESAMPLES)
    means, over_texts = cells.mean(axis=2), moved.mean(axis=2)
    resampled = over_texts
    if seeds > 1:
        drawn = random.integers(seeds, size=(RESAMPLES, seeds))
        changes = []
        for number, own in enumerate(drawn):
            one = moved[..., number]
            changes.append(one[:, :, own].mean(axis=2) - one.mean(axis=2))
        flat_changes = np.stack(changes, axis=-1).reshape(-1, RESAMPLES)
        wider = widened(flat_changes, np.zeros(len(flat_changes)), seeds)
        resampled = resampled + wider.reshape(resampled.shape)
    resampled = np.clip(resampled, *limits)
    ends = np.stack(interval(resampled.reshape(-1, RESAMPLES))).reshape(2, *shape[:2])
    return Curves(cells, cell_ends, means, over_texts, resampled, ends)
