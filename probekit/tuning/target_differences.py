"""Target differences: how far each recipe is from a reference, on the same test texts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from probekit.errors import InputError
from probekit.stats.bootstrap import interval, resample, widened
from probekit.stats.seeds import half_over_seeds
from probekit.tuning.metrics import METRICS, RESAMPLES, resampled_scores
from probekit.tuning.predicted import Answers


class RecipeAtRate(NamedTuple):
    """A recipe and the rate that it was trained at, as in the tables."""

    recipe: str
    rate: str


class TargetDifference(NamedTuple):
    """A difference in target with its 95% interval. Its ends are missing (NaN) for a single text or
    document, or where one of the two has a single seed."""

    value: float
    low: float
    high: float


NO_DIFFERENCE = TargetDifference(float("nan"), float("nan"), float("nan"))


def target_differences(
    metric: str,
    said: Mapping[RecipeAtRate, Mapping[int, Answers]],
    reference: RecipeAtRate,
) -> dict[RecipeAtRate, TargetDifference]:
    """The target of each recipe and rate minus that of the reference, means over seeds.

    Texts are paired: the same ones (documents that have one label) are resampled for both. Seeds
    are not, since two recipes do different things with the same seed. Half the width of an interval
    is the root of the summed squares of three halves: that of the difference over texts, and those
    of Student's intervals of both means over seeds. This is careful: with few seeds the two
    intervals of Student together cover more than 95%.

    Args:
        metric: a name in METRICS.
        said: what each recipe and rate says of test, by seed.
        reference: one of these.

    Returns one for each but the reference.

    Raises InputError where not all were tested on the same texts and labels.
    """
    gold, groups = _shared(said)
    units = len(np.unique(groups))
    weights = resample(units, RESAMPLES, np.random.default_rng(0))
    most = METRICS[metric].high - METRICS[metric].low

    def scored(by_seed: Mapping[int, Answers]) -> np.ndarray:
        """Scores `(seeds, 1 + resamples)`: of all texts, and of resampled ones."""
        rows = []
        for own in by_seed.values():
            value = METRICS[metric].score(gold, own.said)
            moved = resampled_scores(metric, gold, own.said, groups, weights)
            rows.append(np.concatenate([[value], moved]))
        return np.stack(rows)

    of_reference = scored(said[reference])
    found = {}
    for name, by_seed in said.items():
        if name != reference:
            found[name] = _difference(scored(by_seed), of_reference, units, most)
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
                    f"{name.recipe} at {name.rate}, seed {seed}, was tested on other texts, "
                    "labels or documents than the cells before it: give another 'out', or "
                    "overwrite=True"
                )
    assert first is not None
    return first.gold, first.groups


def _difference(one: np.ndarray, other: np.ndarray, units: int, most: float) -> TargetDifference:
    """Of two recipes' scores, `(seeds, 1 + resamples)` each, which can differ by `most`."""
    change = one.mean(axis=0) - other.mean(axis=0)
    low, high = interval(widened(change[None, 1:], change[:1], units))
    halves = [(high[0] - low[0]) / 2, half_over_seeds(one[:, 0]), half_over_seeds(other[:, 0])]
    half = float(np.linalg.norm(halves))
    low, high = np.clip([change[0] - half, change[0] + half], -most, most)
    return TargetDifference(float(change[0]), float(low), float(high))
