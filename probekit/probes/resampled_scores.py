"""Resampled scores: means over seeds of each view's probes, and of resamples of the test
sentences."""

from __future__ import annotations

import numpy as np

from probekit.probes.answers import AnyFitted, counts, metric_of
from probekit.stats.bootstrap import bootstrap


def resampled_scores(fitted: AnyFitted) -> tuple[np.ndarray, np.ndarray]:
    """Scores on test `(views,)`, and those of resamples of its sentences `(views, resamples)`.

    Resamples are the same for all probes that answer the same instances: differences are paired.
    """
    metric = metric_of(fitted.question.task)
    (counted,) = counts(fitted.question, "test", [fitted.predictions])
    views, seeds = counted.shape[:2]
    resampled = bootstrap(metric.score, counted.reshape(views * seeds, *counted.shape[2:]))
    scores = metric.score(counted.sum(axis=2)).mean(axis=1)
    return scores, resampled.reshape(views, seeds, -1).mean(axis=1)
