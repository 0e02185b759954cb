"""Metrics against scikit-learn, and intervals against theory."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import accuracy_score, f1_score

from probekit.probes import metrics
from probekit.tasks.instances import Instances


def instances(labels: np.ndarray, groups: np.ndarray) -> Instances:
    return Instances(np.zeros((len(labels), 1, 2), dtype=np.int64), labels, groups, ("a", "b", "c"))


@given(st.lists(st.tuples(st.integers(-1, 2), st.integers(0, 2), st.integers(0, 5)), min_size=1, max_size=60))
def test_the_metrics_are_scikit_learns(rows: list[tuple[int, int, int]]) -> None:
    gold, said, groups = (np.array(column) for column in zip(*sorted(rows, key=lambda r: r[2]), strict=True))
    data = instances(gold, groups)
    found = {
        metric: float(metrics.score(metric, metrics.group_counts(metric, said[None], data, positive=1).sum(1))[0])
        for metric in ("accuracy", "macro_f1", "f1")
    }
    assert found["accuracy"] == pytest.approx(accuracy_score(gold, said))
    assert found["macro_f1"] == pytest.approx(f1_score(gold, said, average="macro", zero_division=0))
    assert found["f1"] == pytest.approx(f1_score(gold == 1, said == 1, zero_division=0))


def test_a_bootstrap_draw_is_the_score_of_the_resampled_groups() -> None:
    rng = np.random.default_rng(0)
    gold, said, groups = rng.integers(0, 3, 200), rng.integers(0, 3, (2, 200)), np.sort(rng.integers(0, 20, 200))
    counts = metrics.group_counts("macro_f1", said, instances(gold, groups))
    drawn = metrics.bootstrap("macro_f1", counts, draws=5, seed=7)
    weights = np.random.default_rng(7).multinomial(20, np.full(20, 1 / 20), size=5)
    for d in range(5):
        rows = np.concatenate([np.tile(np.flatnonzero(groups == g), weights[d, g]) for g in range(20)])
        for cell in range(2):
            expected = f1_score(gold[rows], said[cell, rows], average="macro", zero_division=0)
            assert drawn[cell, d] == pytest.approx(expected)


def coverage(groups: int, *, widen: bool) -> float:
    """How often of 600 times the interval of `groups` sentences has the true score."""
    rng = np.random.default_rng(1)
    covered = []
    for _ in range(600):
        # Words of a sentence share their luck: an interval over words would be too narrow.
        chance = rng.beta(6, 2, size=groups)
        right = rng.random((groups, 8)) < chance[:, None]
        gold = np.zeros(groups * 8, dtype=int)
        said = np.where(right.reshape(-1), 0, 1)
        counts = metrics.group_counts("accuracy", said[None], instances(gold, np.repeat(np.arange(groups), 8)))
        resampled = metrics.bootstrap("accuracy", counts, draws=400)
        if widen:
            resampled = metrics.widened(resampled, metrics.score("accuracy", counts.sum(1)), groups)
        low, high = metrics.interval(resampled)
        covered.append(low[0] <= 0.75 <= high[0])
    return float(np.mean(covered))


@pytest.mark.parametrize("groups", [10, 20, 150])
def test_intervals_cover_as_often_as_they_say(groups: int) -> None:
    assert 0.92 <= coverage(groups, widen=True) <= 0.98


def test_intervals_of_few_groups_would_be_too_narrow() -> None:
    assert coverage(10, widen=False) < 0.92


def test_one_group_has_no_interval() -> None:
    assert np.isnan(metrics.widened(np.zeros((2, 5)), np.zeros(2), 1)).all()
