"""Logistic: scikit-learn's logistic regression over fixed features, its strength chosen on dev."""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np

from probekit.corpora.passage import Split
from probekit.tuning.data import Data
from probekit.tuning.metrics import METRICS
from probekit.tuning.outcome import Outcome

STRENGTHS = (0.01, 0.1, 1.0, 10.0, 100.0)
"""Values of C, the inverse strength of regularisation; of equal scores on dev the lowest wins."""

ITERATIONS = 1_000


def logistic_outcome(data: Data, features: Callable[[Data], dict[Split, Any]]) -> Outcome:
    """Train on the data's training examples, choose C on dev, and predict test.

    Numbers are predicted by ridge regression with the penalty 1/C.

    Args:
        data: with the training examples of one sample.
        features: makes a matrix for each split, one row per label.
    """
    started = time.perf_counter()
    made = features(data)
    gold, _ = data.splits["train"].labelled()
    dev, _ = data.splits["dev"].labelled()
    if len(np.unique(gold)) == 1 and data.target != "numbers":
        return _constant(data, gold[0], dev, time.perf_counter() - started)
    best: tuple[float, float, Any] | None = None
    unfinished = False
    for strength in STRENGTHS:
        model, is_done = _fitted(made["train"], gold, strength, data.target == "numbers")
        unfinished |= not is_done
        score = METRICS[data.metrics[0]].score(dev, model.predict(made["dev"]))
        if best is None or score > best[0]:
            best = score, strength, model
    assert best is not None
    score, strength, model = best
    note = f"{data.name}: logistic regression did not converge within {ITERATIONS:,} iterations"
    said = np.asarray(model.predict(made["test"]))
    seconds = time.perf_counter() - started
    return Outcome(said, score, strength, seconds, (note,) if unfinished else ())


def _fitted(matrix: Any, gold: np.ndarray, strength: float, numbers: bool) -> tuple[Any, bool]:
    """A model, and whether it converged."""
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import LogisticRegression, Ridge

    model = LogisticRegression(C=strength, max_iter=ITERATIONS)
    if numbers:
        model = Ridge(alpha=1 / strength, random_state=0)
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        model.fit(matrix, gold)
    failed = [one for one in told if issubclass(one.category, ConvergenceWarning)]
    return model, not failed


def _constant(data: Data, label: Any, dev: np.ndarray, seconds: float) -> Outcome:
    """What a sample with one class comes to: that class, for everything."""
    test, _ = data.splits["test"].labelled()
    score = METRICS[data.metrics[0]].score(dev, np.full(len(dev), label))
    return Outcome(np.full(len(test), label), score, STRENGTHS[0], seconds)
