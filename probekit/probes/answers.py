"""Answers: what probes say of test instances, and how a task's metric counts it.

An answer is a label, and answers are `(…, n)`. Of a structural task an answer is what the metric
counts in a sentence's tree, and answers are `(…, n, k)`: probes of trees are compared as those of
labels are.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from probekit.corpora.passage import Split
from probekit.probes.evaluate import task_counts
from probekit.probes.fitted import Fitted
from probekit.probes.structural.fitted_trees import FittedTrees, grouped
from probekit.stats.metrics import METRICS, Metric
from probekit.stats.tree_metrics import TREE_METRICS, TreeMetric
from probekit.tasks.question import Question
from probekit.tasks.task import Task
from probekit.tasks.trees import TreeQuestion

AnyQuestion = Question | TreeQuestion
AnyFitted = Fitted | FittedTrees


def metric_of(task: Task) -> Metric | TreeMetric:
    """The metric of a task of labels or of trees."""
    return TREE_METRICS[task.metric] if task.is_structural else METRICS[task.metric]


def counts(question: AnyQuestion, split: Split, answers: Sequence[np.ndarray]) -> list[np.ndarray]:
    """What the task's metric counts in several sets of answers of the same seeds.

    They are counted together, so that `k` means the same labels in all.

    Args:
        question: the task and its instances.
        split: that was predicted.
        answers: `(cells, seeds, n)` each; of trees `(cells, seeds, n, k)`.

    Returns:
        `(cells, seeds, groups, k)` each.
    """
    counted = _counted(question, split, np.concatenate(answers))
    return np.split(counted, np.cumsum([len(cells) for cells in answers])[:-1])


def mean_scores(question: AnyQuestion, split: Split, answers: np.ndarray) -> np.ndarray:
    """Mean score of each cell over seeds: `(cells,)` from answers `(cells, seeds, n)`, or of trees
    `(cells, seeds, n, k)`."""
    counted = _counted(question, split, answers)
    return np.asarray(metric_of(question.task).score(counted.sum(axis=-2)).mean(axis=1))


def _counted(question: AnyQuestion, split: Split, answers: np.ndarray) -> np.ndarray:
    """`(…, groups, k)` counts."""
    if isinstance(question, TreeQuestion):
        return grouped(question.splits[split], answers)
    return task_counts(question, split, answers)
