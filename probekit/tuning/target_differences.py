"""Target differences: of each recipe and a reference, on the same texts and with the same seeds."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from probekit.errors import InputError
from probekit.stats.bootstrap import interval, resample, widened
from probekit.stats.seeds import over_seeds
from probekit.tuning.metrics import METRICS, RESAMPLES, resampled_scores
from probekit.tuning.predicted import Answers


class RecipeAtRate(NamedTuple):
    """A recipe and the rate that it was trained at, as in the tables."""

    recipe: str
    rate: str


class TargetDifference(NamedTuple):
    """A difference in target with its 95% interval, whose ends are missing (NaN) for a single text
    or document."""

    value: float
    low: float
    high: float


NO_DIFFERENCE = TargetDifference(float("nan"), float("nan"), float("nan"))


def target_differences(
    metric: str,
    said: Mapping[RecipeAtRate, Mapping[int, Answers]],
    reference: RecipeAtRate,
) -> dict[RecipeAtRate, TargetDifference]:
    """The target of each recipe and rate minus that of the reference.

    Differences are paired: the same test texts (documents that have one label) are resampled for
    all, and a seed is compared with the same seed, the mean over those that both have. The interval
    covers texts and seeds (see `over_seeds`).

    Args:
        metric: a name in METRICS.
        said: what each recipe and rate says of test, by seed.
        reference: one of these.

    Returns one for each that shares two seeds or more with the reference, but itself.

    Raises InputError where not all were tested on the same texts and labels.
    """
    gold, groups = _shared(said)
    units = len(np.unique(groups))
    weights = resample(units, RESAMPLES, np.random.default_rng(0))

    def scored(own: Answers) -> np.ndarray:
        """The score, and after it those of resampled texts."""
        value = METRICS[metric].score(gold, own.said)
        return np.array([value, *resampled_scores(metric, gold, own.said, groups, weights)])

    of_reference = {seed: scored(own) for seed, own in said[reference].items()}
    found = {}
    for name, by_seed in said.items():
        shared = [seed for seed in by_seed if seed in of_reference]
        if name == reference or len(shared) < 2:
            continue
        changes = [scored(by_seed[seed]) - of_reference[seed] for seed in shared]
        found[name] = _over_both(np.stack(changes), units)
    return found


def _shared(said: Mapping[RecipeAtRate, Mapping[int, Answers]]) -> tuple[np.ndarray, np.ndarray]:
    """The gold values that all were tested on, and the text or document of each."""
    first: Answers | None = None
    for name, by_seed in said.items():
        for seed, own in by_seed.items():
            first = first or own
            has_gold = np.array_equal(own.gold, first.gold)
            if not has_gold or not np.array_equal(own.groups, first.groups):
                raise InputError(
                    f"{name.recipe} at {name.rate}, seed {seed}, was tested on other texts or "
                    "labels than the cells before it: give another 'out', or overwrite=True"
                )
    assert first is not None
    return first.gold, first.groups


def _over_both(changes: np.ndarray, units: int) -> TargetDifference:
    """The mean of `(seeds, 1 + resamples)` differences, with an interval over texts and seeds."""
    mean = changes.mean(axis=0)
    low, high = interval(widened(mean[None, 1:], mean[:1], units))
    by_seed = changes[:, 0]
    return TargetDifference(
        *over_seeds(by_seed, np.full(len(by_seed), low[0]), np.full(len(by_seed), high[0]))
    )
