"""Metrics as sums over groups: counts that add up, and the score they give.

A bootstrap resamples whole sentences or documents. Since every metric here is a function of counts that add up
over groups, a thousand resamples are one matrix product.
"""

from __future__ import annotations

import numpy as np

from probekit.corpora.passage import Split
from probekit.tasks.instances import Instances, TaskData
from probekit.tasks.task import Metric

DRAWS = 1_000
LEVEL = 0.95


def group_counts(metric: Metric, predicted: np.ndarray, gold: Instances, positive: int = -2) -> np.ndarray:
    """Counts that `score` needs, for each group: `(cells, groups, k)`, float64.

    Args:
        metric: what is to be scored.
        predicted: `(cells, n)` predicted labels, as indices of `gold.classes`.
        gold: the instances.
        positive: index of the positive label, for `f1`.
    """
    groups = np.unique(gold.groups, return_inverse=True)[1]
    n_groups = int(groups[-1]) + 1

    def summed(flags: np.ndarray) -> np.ndarray:
        return np.stack([np.bincount(groups, weights=row, minlength=n_groups) for row in flags.astype(float)])

    if metric == "accuracy":
        right = summed(predicted == gold.labels)
        return np.stack([right, np.broadcast_to(np.bincount(groups), right.shape)], axis=-1)
    labels = [positive] if metric == "f1" else sorted({*np.unique(gold.labels), *np.unique(predicted)})
    columns = []
    for label in labels:
        said, true = predicted == label, np.broadcast_to(gold.labels == label, predicted.shape)
        columns += [summed(said & true), summed(said & ~true), summed(~said & true)]
    return np.stack(columns, axis=-1)


def task_counts(data: TaskData, split: Split, predicted: np.ndarray) -> np.ndarray:
    """`group_counts` of a task's predictions `(cells, n)` on a split: `(cells, groups, k)`."""
    positive = data.classes.index(data.task.positive) if data.task.positive else -2
    return group_counts(data.task.metric, predicted, data.splits[split], positive)


def score(metric: Metric, counts: np.ndarray) -> np.ndarray:
    """The metric from counts `(..., k)`: in [0, 1], higher is better.

    `accuracy` is right / all. `f1` is 2 tp / (2 tp + fp + fn) of the positive label (van Rijsbergen 1979, ch. 7),
    0 where nothing is positive. `macro_f1` is its mean over the labels that occur in gold or prediction.
    """
    if metric == "accuracy":
        return np.asarray(counts[..., 0] / np.maximum(counts[..., 1], 1))
    tp, fp, fn = counts[..., 0::3], counts[..., 1::3], counts[..., 2::3]
    f1 = 2 * tp / np.maximum(2 * tp + fp + fn, 1)
    occurs = (tp + fp + fn) > 0
    return np.asarray((f1 * occurs).sum(-1) / np.maximum(occurs.sum(-1), 1))


def bootstrap(metric: Metric, counts: np.ndarray, *, draws: int = DRAWS, seed: int = 0) -> np.ndarray:
    """Scores of resampled groups: `(cells, draws)`.

    Groups (sentences or documents) are drawn with replacement, as many as there are (Efron and Tibshirani 1993,
    ch. 6 and 13); every cell sees the same draws, so that differences of cells are paired.
    """
    n_groups = counts.shape[1]
    weights = np.random.default_rng(seed).multinomial(n_groups, np.full(n_groups, 1 / n_groups), size=draws)
    return np.stack([score(metric, weights.astype(float) @ cell) for cell in counts])


def interval(resampled: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Ends of the central 95% of resampled scores `(cells, draws)`: percentile intervals, `(cells,)` each."""
    tail = (1 - LEVEL) / 2
    low, high = np.quantile(resampled, [tail, 1 - tail], axis=1)
    return low, high


def widened(resampled: np.ndarray, value: np.ndarray, groups: int, share: np.ndarray | None = None) -> np.ndarray:
    """Resampled values `(cells, draws)`, farther from `value` `(cells,)` the fewer groups there are.

    Percentile intervals are too narrow for few groups, as a normal interval is that takes no Student t. Hesterberg
    2015 (section 3.3) widens them by what separates the two: t / z times sqrt(n / (n - 1)). Missing for one group.

    Args:
        resampled: by bootstrap.
        value: what was observed.
        groups: how many were resampled.
        share: of the resampled variance that is kept, `(cells,)`; all of it where it is not given.
    """
    if groups < 2:
        return np.full_like(resampled, np.nan)
    from scipy.stats import norm, t

    upper = (1 + LEVEL) / 2
    factor = t.ppf(upper, groups - 1) / norm.ppf(upper) * np.sqrt(groups / (groups - 1))
    if share is not None:
        factor = factor * np.sqrt(share)[:, None]
    return np.asarray(value[:, None] + factor * (resampled - value[:, None]))
