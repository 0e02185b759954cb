"""Metrics: functions of counts that add up over groups, each an entry in METRICS.

A group is what is resampled: a sentence or a document. Since counts add up over groups, a thousand
resamples are one matrix product. numpy is imported where it is used: listing the tasks reads
METRICS and counts nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np

    Counts = Callable[[np.ndarray, np.ndarray, np.ndarray, int | None], np.ndarray]
    Score = Callable[[np.ndarray], np.ndarray]


@dataclass(frozen=True, kw_only=True)
class Metric:
    """How predictions are compared with gold labels; higher is better.

    Attributes:
        name: what tasks and tables call it.
        label: a short name, for pictures.
        meaning: its definition, in one line.
        source: where it is defined.
        counts: makes counts `(cells, groups, k)`, float64, of `(predicted, gold, groups,
            positive)`; what each of the k counts is depends on the metric. `predicted` `(cells, n)`
            and `gold` `(n,)` are labels as integers, `groups` `(n,)` numbers from 0, each of which
            occurs; `positive` is a label, None where the metric needs none.
        score: makes scores `(…)` of counts `(…, k)` that are summed over groups.
        low, high: the least and the greatest score.
        needs_positive: whether it scores one label, which the task names.
    """

    name: str
    label: str
    meaning: str
    source: str
    counts: Counts
    score: Score
    low: float = 0.0
    high: float = 1.0
    needs_positive: bool = False

    @property
    def largest_difference(self) -> float:
        """The largest difference that two scores can have."""
        return self.high - self.low


def count_correct(
    predicted: np.ndarray,
    gold: np.ndarray,
    groups: np.ndarray,
    positive: int | None = None,
) -> np.ndarray:
    """Correct predictions, and all predictions, in each group: `(cells, groups, 2)`."""
    import numpy as np

    correct = sum_groups(predicted == gold, groups)
    return np.stack([correct, np.broadcast_to(np.bincount(groups), correct.shape)], axis=-1)


def accuracy(counts: np.ndarray) -> np.ndarray:
    """Correct / all `(…)`, from counts `(…, 2)`: in [0, 1], 0 where there are none."""
    correct, every = counts[..., 0], counts[..., 1]
    return correct / every.clip(min=1)


def count_every_label(
    predicted: np.ndarray,
    gold: np.ndarray,
    groups: np.ndarray,
    positive: int | None = None,
) -> np.ndarray:
    """`count_labels` of the labels that occur: `(cells, groups, 3 * labels)`."""
    import numpy as np

    labels = np.union1d(gold, predicted)
    return count_labels(predicted, gold, groups, labels.tolist())


def count_positive(
    predicted: np.ndarray,
    gold: np.ndarray,
    groups: np.ndarray,
    positive: int | None,
) -> np.ndarray:
    """`count_labels` of the positive label: `(cells, groups, 3)`.

    Raises:
        ValueError: no label is positive.
    """
    if positive is None:
        raise ValueError("the metric scores one label: 'positive' must say which")
    return count_labels(predicted, gold, groups, [positive])


def count_labels(
    predicted: np.ndarray,
    gold: np.ndarray,
    groups: np.ndarray,
    labels: Sequence[int],
) -> np.ndarray:
    """True positives, false positives and false negatives of each label, in each group.

    Args:
        predicted: `(cells, n)` labels.
        gold: `(n,)` labels.
        groups: `(n,)` numbers of the groups.
        labels: those that are counted.

    Returns:
        `(cells, groups, 3 * labels)`.
    """
    import numpy as np

    columns = []
    for label in labels:
        found, true = predicted == label, gold == label
        columns.append(sum_groups(found & true, groups))
        columns.append(sum_groups(found & ~true, groups))
        columns.append(sum_groups(~found & true, groups))
    return np.stack(columns, axis=-1)


def mean_f1(counts: np.ndarray) -> np.ndarray:
    """2 tp / (2 tp + fp + fn), the mean over the labels that occur in gold or prediction.

    Args:
        counts: those of `count_labels`, `(…, 3 * labels)`.

    Returns:
        `(…)` scores in [0, 1]; 0 where no label occurs.
    """
    tp, fp, fn = counts[..., 0::3], counts[..., 1::3], counts[..., 2::3]
    f1 = 2 * tp / (2 * tp + fp + fn).clip(min=1)
    occurs = (tp + fp + fn) > 0
    return (f1 * occurs).sum(axis=-1) / occurs.sum(axis=-1).clip(min=1)


def sum_groups(flags: np.ndarray, groups: np.ndarray) -> np.ndarray:
    """How many of `flags` `(cells, n)` are true in each group: `(cells, groups)`, float64."""
    import numpy as np

    n_groups = int(groups.max()) + 1
    rows = [np.bincount(groups, weights=row, minlength=n_groups) for row in flags.astype(float)]
    return np.stack(rows)


_ENTRIES = (
    Metric(
        name="accuracy",
        label="acc",
        meaning="correct / all; with one label per instance it equals micro-F1 over all labels",
        source="Manning, Raghavan and Schütze 2008, section 8.3",
        counts=count_correct,
        score=accuracy,
    ),
    Metric(
        name="macro_f1",
        label="macro F1",
        meaning="the mean F1 of the labels that occur in gold or prediction, unweighted",
        source="Opitz and Burst 2019, arXiv:1911.03347",
        counts=count_every_label,
        score=mean_f1,
    ),
    Metric(
        name="f1",
        label="F1",
        meaning="2 tp / (2 tp + fp + fn) of the positive label; 0 where it never occurs",
        source="van Rijsbergen 1979, chapter 7",
        counts=count_positive,
        score=mean_f1,
        needs_positive=True,
    ),
)

METRICS: dict[str, Metric] = {metric.name: metric for metric in _ENTRIES}
