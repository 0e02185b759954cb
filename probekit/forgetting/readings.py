"""Readings: the ways to read what a task asks of a layer, and the choice among them on dev."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from probekit.forgetting.parts import relocated
from probekit.forgetting.probe_pair import ProbePair
from probekit.probes.answers import (
    AnyFitted,
    AnyQuestion,
    counts,
    mean_scores,
    metric_of,
)
from probekit.stats.paired import difference, resampling


class Reading(NamedTuple):
    """One way to read a layer: its score on dev, and its answers on dev and test, `(seeds, n)`
    each (of trees `(seeds, n, k)`)."""

    name: str
    score: float
    dev: np.ndarray
    test: np.ndarray


class Move(NamedTuple):
    """A layer: what is read there after, and what was read at its depth before."""

    now: Reading
    then: Reading


def readings_of(
    question: AnyQuestion, names: Sequence[str], dev: np.ndarray, test: np.ndarray
) -> list[Reading]:
    """A reading for each name and its answers `(seeds, n)`, from `(names, seeds, n)`."""
    scores = mean_scores(question, "dev", dev).tolist()
    return [Reading(*of_one) for of_one in zip(names, scores, dev, test, strict=True)]


def own_readings(name: str, fitted: AnyFitted) -> list[Reading]:
    """For each layer, what its own probes read; each is called `NAME LAYER`."""
    names = [f"{name} {layer}" for layer in fitted.layers]
    return readings_of(fitted.question, names, fitted.dev_predictions, fitted.predictions)


def score_on_test(question: AnyQuestion, reading: Reading) -> float:
    """The reading's score on test, the mean over seeds."""
    (score,) = mean_scores(question, "test", reading.test[None])
    return float(score)


def best_reading(readings: Sequence[Reading]) -> Reading:
    """The reading with the best dev score; of equal ones the first, which is the simplest."""
    return max(readings, key=lambda reading: reading.score)


def other_layers(
    pair: ProbePair, layer_after: int, then: Sequence[Reading], now: Sequence[Reading]
) -> list[Move]:
    """The other layers of after, each with what was read at its depth before.

    Without the embeddings, into which nothing moves.
    """
    places = {layer: i for i, layer in enumerate(pair.before.layers)}
    moves = []
    for layer, reading in zip(pair.after.layers, now, strict=True):
        if layer not in (0, layer_after) and layer in pair.origins:
            place = places[pair.origins[layer]]
            moves.append(Move(reading, then[place]))
    return moves


def best_move(
    question: AnyQuestion, before: Reading, here: Reading, others: Sequence[Move]
) -> Move:
    """The layer that most of what is missing here has moved to, by dev scores.

    It must know more than it did. `here` where there is no such layer.
    """
    gains = []
    for now, then in others:
        gains.append(float(relocated(before.score, here.score, now.score, then.score)))
    if max(gains, default=0) <= 0:
        return Move(here, here)
    now, then = others[int(np.argmax(gains))]
    if not _knows_more(question, now, then):
        return Move(here, here)
    # The greater of two scores is biased upwards: `then` counts as more than `here` only where the
    # two can be told apart.
    if _knows_more(question, then, here):
        return Move(now, then)
    return Move(now, here)


def _knows_more(question: AnyQuestion, first: Reading, second: Reading) -> bool:
    """Whether the first reading's score on dev is above the second's by its 95% interval."""
    higher, lower = counts(question, "dev", [first.dev[None], second.dev[None]])
    shared = resampling(higher.shape[2], permutations=0)
    gained = difference(metric_of(question.task), lower, higher, shared)
    return bool(gained.low[0] > 0)
