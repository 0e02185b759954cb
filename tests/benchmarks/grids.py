"""How often the paired comparison of `recipes` is wrong: in simulated grids, of recipes that are
equal in truth, and of two of which one loses five points.

Texts differ in difficulty, and in which recipe they suit; seeds differ in accuracy. Dev sees the
accuracy of each seed but for a point of noise.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence

import numpy as np

from probekit.tuning.predicted import Answers
from probekit.tuning.target_differences import RecipeAtRate, TargetDifference, target_differences

ACCURACY, LOSS = 0.7, 0.05
EQUAL = 9  # recipes
OF_TEXTS, OF_TEXTS_AND_RECIPES = 0.25, 0.15  # standard deviations of accuracy
NOISE_OF_DEV = 0.01


def main(arguments: Sequence[str] = ()) -> None:
    """Print both error rates by the number of seeds and how much they differ."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks grids")
    parser.add_argument("--grids", type=int, default=300)
    grids = parser.parse_args(arguments).grids
    print(f"{grids} grids; spread: standard deviation over seeds, in points of accuracy")
    print(f"{EQUAL} equal recipes, 500 test texts: one or more measurably below the best on dev")
    for seeds in (3, 5):
        for spread in (0.003, 0.01, 0.05):
            random, wrong = np.random.default_rng(0), 0
            for _ in range(grids):
                found = _grid(random, [ACCURACY] * EQUAL, seeds, spread, 500)
                wrong += any(one.high < 0 for one in found)
            print(f"  {seeds} seeds, spread {100 * spread:.1f}: {wrong / grids:.1%}", flush=True)
    print("two recipes, 2,000 test texts, spread 1: a loss of five points is not measurable")
    for seeds in (3, 5):
        random, missed = np.random.default_rng(0), 0
        for _ in range(grids):
            (found_loss,) = _grid(random, [ACCURACY, ACCURACY - LOSS], seeds, 0.01, 2_000)
            missed += found_loss.high >= 0
        print(f"  {seeds} seeds: {missed / grids:.1%}", flush=True)


def _grid(
    random: np.random.Generator, accuracies: Sequence[float], seeds: int, spread: float, texts: int
) -> list[TargetDifference]:
    """The differences of all recipes but the best on dev from that one."""
    difficulty = random.normal(0, OF_TEXTS, texts)
    gold, groups = np.zeros(texts, dtype=int), np.arange(texts)
    said: dict[RecipeAtRate, dict[int, Answers]] = {}
    dev = {}
    for number, accuracy in enumerate(accuracies):
        name = RecipeAtRate(f"recipe-{number}", "1")
        of_seeds = accuracy + random.normal(0, spread, seeds)
        suits = random.normal(0, OF_TEXTS_AND_RECIPES, texts)
        dev[name] = of_seeds.mean() + random.normal(0, NOISE_OF_DEV)
        said[name] = {}
        for seed, own in enumerate(of_seeds):
            is_wrong = random.random(texts) > np.clip(own + difficulty + suits, 0, 1)
            said[name][seed] = Answers(gold, is_wrong.astype(int), groups)
    best = max(dev, key=lambda one: dev[one])
    return list(target_differences("accuracy", said, best).values())
