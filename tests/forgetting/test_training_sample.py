"""Refits on resamples of the training sentences: paired, in the interval, and where they count."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from probekit.forgetting.compare import compare
from probekit.stats import paired
from probekit.stats.metrics import METRICS
from tests.forgetting.test_calibration import QUICK, TASKS, World

ACCURACY = METRICS["accuracy"]


@pytest.mark.slow
def test_a_checkpoint_against_itself_with_refits() -> None:
    """The same resamples before and after: no refit differs, and nothing is added."""
    world = World(0)
    found = compare(
        world.states("before"),
        world.states("after"),
        TASKS[:1],
        resample_train=3,
        fit_settings=QUICK,
    )
    assert (found.comparison["delta"] == 0).all() and (found.comparison["p_value"] == 1).all()
    assert (found.comparison["resamples"] == 3).all()
    assert (found.comparison[["ci_low", "ci_high"]] == 0).all(axis=None)


@pytest.mark.slow
def test_refits_widen_the_interval_and_have_their_share() -> None:
    world = World(0)
    rng = np.random.default_rng(5)

    def noisy(values: np.ndarray) -> np.ndarray:
        return values + rng.normal(size=values.shape)

    states = world.states("before"), world.states("after", noisy)
    settings: dict[str, Any] = {"seeds": (0,), "fit_settings": QUICK}
    without = compare(*states, TASKS[:1], resample_train=0, **settings).comparison
    found = compare(*states, TASKS[:1], resample_train=5, **settings).comparison
    assert (found["delta"] == without["delta"]).all()
    width = (found["ci_high"] - found["ci_low"]).to_numpy()
    assert (width > (without["ci_high"] - without["ci_low"]).to_numpy()).all()
    shares = found[["from_test", "from_seeds", "from_training"]]
    assert shares.sum(axis=1).to_numpy() == pytest.approx(1, abs=1e-5)
    assert (shares["from_training"] > 0.02).all() and (shares["from_seeds"] == 0).all()
    assert without["from_training"].isna().all() and (without["from_test"] == 1).all()


@pytest.mark.parametrize("spread", [0.0, 0.03])
def test_the_variance_is_the_sum_of_both(spread: float) -> None:
    """Test sentences and training sentences that move the difference independently: the interval
    has the width of both together, by their known variances."""
    rng = np.random.default_rng(3)
    groups, n, refits, before = 400, 10, 400, 0.7
    afters = np.clip(0.6 + spread * rng.normal(size=refits), 0, 1)

    def counts(rates: np.ndarray) -> np.ndarray:
        """Of probes with these accuracies on the same instances: `(1, probes, groups, 2)`."""
        places = rng.permuted(np.linspace(0, 1, groups * n, endpoint=False)).reshape(groups, n)
        correct = (places < rates[:, None, None]).sum(axis=-1)
        return np.stack([correct, np.full_like(correct, n)], axis=-1)[None]

    first, second = counts(np.array([before])), counts(np.array([0.6]))
    refitted = paired.Refits(np.repeat(first, refits, axis=1), counts(afters))
    shared = paired.resampling(groups, permutations=0)
    found = paired.difference(ACCURACY, first, second, shared, refits=refitted)
    alone = paired.difference(ACCURACY, first, second, shared)
    test_variance = ((alone.high - alone.low) / 3.92) ** 2
    expected = 3.92 * np.sqrt(test_variance + afters.var(ddof=1))
    assert (found.high - found.low) == pytest.approx(expected, rel=0.1)
    assert found.from_training == pytest.approx(
        afters.var(ddof=1) / (test_variance + afters.var(ddof=1)), abs=0.05
    )
