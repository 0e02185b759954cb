"""Measures of forgetting: published numbers, worked examples, and every edge."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest

from probekit.forgetting.measures import backward_transfer, forgetting, retention
from probekit.stats.layers import expected_layer

PUBLISHED = Path(__file__).parents[2].parent / "shared/reference/tenney2019_cumulative_f1.csv"
# Tenney et al. 2019, figure 1, BERT-large.
EXPECTED = {
    "pos-ontonotes": 3.39,
    "nonterminal-ontonotes": 3.79,
    "dep-labeling-ewt": 5.69,
    "ner-ontonotes": 4.64,
    "srl-conll2012-_clean_micro_": 6.54,
    "coref-ontonotes-conll-1": 9.47,
    "spr1": 9.93,
    "rel-semeval-_clean_micro_": 9.40,
}


@pytest.mark.parametrize("task", EXPECTED)
def test_expected_layers_are_those_of_tenney_et_al(task: str) -> None:
    if not PUBLISHED.is_file():
        pytest.skip(f"the published table is not at {PUBLISHED}")
    with PUBLISHED.open() as file:
        rows = [
            row
            for row in csv.DictReader(file)
            if row["task"] == task and row["model"].startswith("bert-large")
        ]
    scores = [float(row["f1"]) for row in sorted(rows, key=lambda row: int(row["layer"]))]
    assert round(expected_layer(np.array(scores)), 2) == EXPECTED[task]


def test_expected_layer_at_its_edges() -> None:
    assert expected_layer(np.array([0.0, 0.0, 1.0])) == 2
    assert expected_layer(np.array([0.0, 0.5, 1.0])) == 1.5
    assert np.isnan(expected_layer(np.array([0.7, 0.7])))
    assert np.isnan(expected_layer(np.array([0.7])))
    assert expected_layer(np.array([0.5, 0.6, 0.9, 0.9]), (0, 4, 8, 12)) == pytest.approx(7)
    assert np.isnan(expected_layer(np.array([0.5, 0.6]), (1, 2)))


def test_retention() -> None:
    before, after = (
        np.array([0.9, 0.9, 0.9, 0.9, 0.5, 0.4]),
        np.array([0.9, 0.7, 0.95, 0.4, 0.6, 0.4]),
    )
    kept = retention(before, after, np.full(6, 0.5))
    np.testing.assert_allclose(kept[:4], [1, 0.5, 1.125, -0.25])
    assert np.isnan(kept[4:]).all()  # nothing was known above the floor
    assert np.isnan(retention(np.array([0.5001]), np.array([0.6]), np.array([0.5]), 0.01)).all()


def test_sequences() -> None:
    scores = np.array([[0.9, 0.8], [0.95, 0.7], [0.85, 0.75]])
    assert backward_transfer(scores) == pytest.approx(((0.85 - 0.9) + (0.75 - 0.8)) / 2)
    assert forgetting(scores) == pytest.approx(((0.95 - 0.85) + (0.8 - 0.75)) / 2)
