"""Metrics against scikit-learn."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import accuracy_score, f1_score

from probekit.stats.metrics import METRICS

Rows = list[tuple[int, int, int]]
LABELS = st.tuples(st.integers(-1, 2), st.integers(0, 2), st.integers(0, 5))


@given(st.lists(LABELS, min_size=1, max_size=60))
def test_the_metrics_are_scikit_learns(rows: Rows) -> None:
    gold, predicted, groups = (np.array(column) for column in zip(*rows, strict=True))
    numbers = np.unique(groups, return_inverse=True)[1]
    found = {}
    for name, metric in METRICS.items():
        counts = metric.counts(predicted[None], gold, numbers, 1)
        assert counts.shape[:2] == (1, len(set(groups.tolist())))
        found[name] = float(metric.score(counts.sum(axis=1))[0])
        assert metric.low <= found[name] <= metric.high
    assert found["accuracy"] == pytest.approx(accuracy_score(gold, predicted))
    macro = f1_score(gold, predicted, average="macro", zero_division=0)
    assert found["macro_f1"] == pytest.approx(macro)
    assert found["f1"] == pytest.approx(f1_score(gold == 1, predicted == 1, zero_division=0))


@pytest.mark.parametrize("name", METRICS)
def test_a_right_answer_scores_most_and_nothing_scores_least(name: str) -> None:
    metric, gold = METRICS[name], np.array([0, 1, 1, 2])
    counts = metric.counts(gold[None], gold, np.array([0, 0, 1, 1]), 1)
    assert metric.score(counts.sum(axis=1)).tolist() == [metric.high]
    assert metric.score(np.zeros_like(counts[:, 0])).tolist() == [metric.low]
    assert metric.largest_difference == metric.high - metric.low


def test_a_metric_of_one_label_must_be_told_which() -> None:
    gold = np.array([0, 1])
    with pytest.raises(ValueError, match="'positive' must say which"):
        METRICS["f1"].counts(gold[None], gold, np.zeros(2, dtype=int), None)
