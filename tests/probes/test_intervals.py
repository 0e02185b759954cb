"""Intervals of scores that cover the training sentences and the seeds."""

from __future__ import annotations

import numpy as np
import pytest

import probekit as pk
from tests.probes.test_evidence import QUICK, WORD, states_of

ENDS = ["ci_low", "ci_high"]


@pytest.fixture(scope="module")
def scores() -> pk.Scores:
    states = states_of("context", sentences=40)
    return pk.probe(states, WORD, seeds=2, resample_train=5, fit_settings=QUICK, progress=False)


@pytest.mark.slow
def test_scores_do_not_move_and_intervals_are_wider(scores: pk.Scores) -> None:
    states = states_of("context", sentences=40)
    plain = pk.probe(states, WORD, seeds=2, fit_settings=QUICK, progress=False)
    assert (scores.table["score"] == plain.table["score"]).all()
    assert (scores.table[ENDS] == plain.table[ENDS]).all(axis=None)
    means = plain.displayed().dropna(subset=["layer"]).groupby("layer")[["score", *ENDS]].mean()
    for row in scores.intervals.to_dict("records"):
        mean = means.loc[row["layer"]]
        assert row["score"] == pytest.approx(mean["score"], abs=2e-6)
        assert row["ci_high"] - row["ci_low"] > 0.98 * (mean["ci_high"] - mean["ci_low"])
    width = scores.intervals["ci_high"] - scores.intervals["ci_low"]
    assert width.mean() > (means["ci_high"] - means["ci_low"]).mean()


def test_shares_sum_to_one(scores: pk.Scores) -> None:
    shares = scores.intervals[["from_test", "from_seeds", "from_training"]]
    assert shares.sum(axis=1).to_numpy() == pytest.approx(1, abs=1e-5)
    assert (scores.intervals["from_training"] > 0).all()
    assert set(scores.intervals["resamples"]) == {5} and set(scores.intervals["seeds"]) == {2}


def test_best_layers_and_pictures_have_these_intervals(scores: pk.Scores) -> None:
    best = scores.best().iloc[0]
    at_best = scores.intervals.set_index("layer").loc[best["layer"]]
    assert best[ENDS].tolist() == at_best[ENDS].tolist()
    of_layers = scores.displayed().dropna(subset=["layer"]).groupby("layer")[ENDS].nunique()
    assert (of_layers == 1).all(axis=None)
    baselines = scores.displayed()[lambda rows: rows["layer"].isna()]
    assert np.isfinite(baselines["ci_low"].astype(float)).all()
