"""Capacity: parameters are counted as by hand, and a planted rank is where scores stop rising."""

from __future__ import annotations

import itertools

import numpy as np
import pandas as pd
import pytest

import probekit as pk
from probekit.probes.capacity import SWEEP, capacity_rows
from probekit.probes.fit import fit
from probekit.stats.pareto import pareto_front
from tests.probes.test_fit import arcs, gaussian_classes

DIM, CLASSES = 24, 8
KINDS = ("rank:1", "rank:2", "rank:8", "linear", "mlp:8", "mlp")
ABOUT = {"model": "m", "task": "t", "corpus": "c", "metric": "accuracy"}


@pytest.fixture(scope="module")
def rows() -> pd.DataFrame:
    """Of eight classes whose means span seven directions, by kind of probe."""
    states, question = gaussian_classes(np.random.default_rng(3), np.eye(DIM))
    assert states.dim == DIM and len(question.classes) == CLASSES
    settings = pk.FitSettings(words=60_000)
    kinds = [fit(states, [question], probe=kind, settings=settings)[0] for kind in KINDS]
    return pd.DataFrame(list(capacity_rows(kinds, ABOUT))).set_index("probe")


@pytest.mark.slow
def test_parameters_are_those_of_two_affine_maps(rows: pd.DataFrame) -> None:
    assert rows.loc["linear", "parameters"] == (DIM + 1) * CLASSES
    for kind, width in (("rank:1", 1), ("rank:2", 2), ("mlp:8", 8), ("mlp", 64)):
        assert rows.loc[kind, "parameters"] == (DIM + 1) * width + (width + 1) * CLASSES


@pytest.mark.slow
def test_the_front_rises_to_the_rank_that_was_planted(rows: pd.DataFrame) -> None:
    assert rows.loc["rank:1", "on_front"] == rows.loc["rank:2", "on_front"] == 1
    assert rows.loc["rank:2", "score"] > rows.loc["rank:1", "score"] + 0.05
    assert rows.loc["linear", "score"] > rows.loc["rank:2", "score"] + 0.05
    # As many parameters and no more directions than the classes need: no gain.
    assert rows.loc["mlp", "score"] < rows.loc["linear", "score"] + 0.02
    inside = (rows["ci_low"] < rows["score"]) & (rows["score"] < rows["ci_high"])
    assert inside.all() and (rows["dev_score"] > 0).all()


def test_a_front_is_what_nothing_dominates() -> None:
    rng = np.random.default_rng(0)
    for _ in range(50):
        costs, values = rng.integers(0, 6, (2, 12))
        points = list(zip(costs.tolist(), values.tolist(), strict=True))
        expected = [True] * len(points)
        for (i, (cost, value)), (other, better) in itertools.product(enumerate(points), points):
            if other <= cost and better >= value and (other, better) != (cost, value):
                expected[i] = False
        assert pareto_front(costs, values).tolist() == expected


def test_every_kind_of_the_sweep_is_probed(monkeypatch: pytest.MonkeyPatch) -> None:
    few = ("rank:1", "linear", "mlp:8")
    assert set(few) < set(SWEEP)
    monkeypatch.setattr("probekit.probes.probe.SWEEP", few)
    vectors, question = gaussian_classes(np.random.default_rng(3), np.eye(DIM))
    scores = pk.probe(
        pk.States.of(vectors.values, vectors.corpus),
        question.task,
        capacity=True,
        fit_settings=pk.FitSettings(words=5_000),
        progress=False,
    )
    assert sorted(scores.capacity["probe"].unique()) == sorted(few)
    probed = scores.table.dropna(subset=["layer"]).set_index(["probe", "layer"])["score"]
    found = scores.capacity.set_index(["probe", "layer"])["score"]
    pd.testing.assert_series_equal(found.sort_index(), probed.sort_index(), check_index_type=False)
    drawn = pk.capacity(scores, layer=0)
    assert drawn.axes[0].get_title(loc="left").endswith("layer 0")
    with pytest.raises(pk.ProbekitError, match="layer=9 has no scores: known: 0"):
        pk.capacity(scores, layer=9)


def test_a_head_that_pools_spans_in_its_own_way_is_counted() -> None:
    """The edge head reads a span by attention, whatever the task says."""
    states, question, _ = arcs(4, "concat", "mean")
    (fitted,) = fit(states, [question], probe="edge", settings=pk.FitSettings(words=4_000))
    (row,) = capacity_rows([fitted], ABOUT)
    # Two slots of a map into 256 units and a score; then the bias, and the second map.
    of_words = 2 * states.dim * (256 + 1)
    assert row.parameters == of_words + 256 + (256 + 1) * len(question.classes)
