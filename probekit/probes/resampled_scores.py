"""Resampled scores: means over seeds of each view's probes, and of resamples of the test
sentences."""

from __future__ import annotations

import numpy as np

from probekit.probes.evaluate import task_counts
from probekit.probes.fitted import Fitted
from probekit.stats.bootstrap import bootstrap
from probekit.stats.metrics import METRICS


def resampled_scores(fitted: Fitted) -> tuple[np.ndarray, np.ndarray]:
    """Scores on test `(views,)`, and those of resamples of its sentences `(views, resamples)`.

    Resamples are the same for all probes that answer the same instances: differences are paired.
    """
    metric = METRICS[fitted.question.task.metric]
    counts = task_counts(fitted.question, "test", fitted.predictions)
    views, seeds = counts.shape[:2]
    resampled = bootstrap(metric.score, counts.reshape(views * seeds, *counts.shape[2:]))
    scores = metric.score(counts.sum(axis=2)).mean(axis=1)
    return scores, resampled.reshape(views, seeds, -1).mean(axis=1)
