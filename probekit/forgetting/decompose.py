"""Decompose: is what a probe can no longer read lost, or only moved or rotated?

Four readings of `after`, each allowed all that the ones above it are:

    (a) the probe trained on `before`, as it is;
    (b) the same probe, after a rotation (Procrustes) or a linear map (ridge) from after to before;
    (c) a probe trained on `after` at this layer;
    (d) a probe trained on `after` at another layer that did not know as much before.

What (b) recovers is rotation (or another linear map), what only (c) recovers is re-encoding, what
only (d) recovers is relocation, and the rest is loss. Nothing has moved into a layer that knew as
much before, and nothing ever moves into the embeddings: neither counts as relocation. Maps are
fitted on training words; the reading of each step is chosen on dev; scores are on test. The four
parts add up to the whole drop of (a). Where the old probe's predictions on dev have not changed, no
other reading is tried.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from probekit.forgetting import maps
from probekit.forgetting.comparison import PARTS
from probekit.forgetting.probe_pair import ProbePair, counts, mean_scores
from probekit.probes.fit import predict
from probekit.probes.fitted import Fitted
from probekit.states.states import States
from probekit.stats.bootstrap import interval, widened
from probekit.stats.metrics import METRICS
from probekit.stats.paired import difference, minimum_detectable, resampling, seed_noise
from probekit.tasks.question import Question

MAP_WORDS = 16_384  # training words that maps are fitted on
CHUNK = 256  # words of each run of them; runs come from all over the split
PLAIN = "as it is"
Predictions = dict[str, list[np.ndarray]]  # by reading: `(layers, seeds, n)` for each task


class Reading(NamedTuple):
    """One way to read a layer: its score on dev, and its predictions on dev and test, `(seeds, n)`
    each."""

    name: str
    score: float
    dev: np.ndarray
    test: np.ndarray


class Move(NamedTuple):
    """A layer: what is read there after, and what was read at its depth before."""

    now: Reading
    then: Reading


def decompose(before: States, after: States, pairs: Sequence[ProbePair]) -> list[dict[str, Any]]:
    """One row per task and layer: the parts with their 95% intervals, and each reading's score.

    Where the widths differ, the probe cannot read `after` as it is: (a) and so `rotation` are
    missing, and the whole drop is the drop of (b), with ridge maps only.
    """
    places = pairs[0].places[0]
    mapped = _mapped_states(before, after, pairs[0].layers)
    fitted = [pair.before for pair in pairs]
    dev: Predictions = {}
    test: Predictions = {}
    for name, vectors in mapped.items():
        dev[name] = _at(predict(fitted, vectors, "dev"), places)
        test[name] = _at(predict(fitted, vectors, "test"), places)
    rows: list[dict[str, Any]] = []
    for t, pair in enumerate(pairs):
        of_maps = {name: (dev[name][t], test[name][t]) for name in mapped}
        rows += [{"task": pair.question.task.name, **row} for row in _of_task(pair, of_maps)]
    return rows


def _at(predictions: list[np.ndarray], places: list[int]) -> list[np.ndarray]:
    return [of_task[places] for of_task in predictions]


def _mapped_states(
    before: States, after: States, layers: Sequence[tuple[int, int]]
) -> dict[str, maps.MappedStates]:
    """`after` in the place of `before`: as it is, and through maps fitted on training words."""
    partner = dict(layers)
    # Layers without a partner read any other layer: their predictions are not used.
    place = {layer: partner.get(layer, layers[0][1]) for layer in before.layers}
    shared = _shared_words(before, after)
    fitted = {}
    for layer, layer_after in layers:
        source, target = _sample(after, layer_after)[shared], _sample(before, layer)[shared]
        fitted[layer] = maps.linear_maps(source, target)
    found: dict[str, maps.MappedStates] = {}
    if before.dim == after.dim:
        found[PLAIN] = maps.MappedStates(after, place, {}, before.dim)
    first = layers[0][0]
    for name in fitted[first]:
        of_layer = {layer: fitted.get(layer, fitted[first])[name] for layer in before.layers}
        found[name] = maps.MappedStates(after, place, of_layer, before.dim)
    return found


def _chunks(states: States) -> list[int]:
    words = int(states.corpus.offsets("train")[-1])
    every = max(CHUNK, CHUNK * (words // MAP_WORDS))
    return [start for start in range(0, words, every) if start + CHUNK <= words] or [0]


def _sample(states: States, layer: int) -> np.ndarray:
    words = int(states.corpus.offsets("train")[-1])
    parts = [
        states.read("train", start, min(start + CHUNK, words), [layer])[0]
        for start in _chunks(states)
    ]
    return np.concatenate(parts).astype(np.float32)


def _shared_words(before: States, after: States) -> np.ndarray:
    """Which words of the sample have a vector in both: `(n,)`, true or false."""
    words = int(before.corpus.offsets("train")[-1])
    positions = np.concatenate(
        [np.arange(start, min(start + CHUNK, words)) for start in _chunks(before)]
    )
    return ~np.isin(positions, [*before.without_vector["train"], *after.without_vector["train"]])


def _of_task(
    pair: ProbePair, mapped: dict[str, tuple[np.ndarray, np.ndarray]]
) -> list[dict[str, Any]]:
    question, (first, second) = pair.question, pair.places
    scores = {name: mean_scores(question, "dev", dev) for name, (dev, _) in mapped.items()}
    then = _readings(question, "before", pair.before)
    now = _readings(question, "layer", pair.after)
    groups = len(np.unique(question.splits["test"].groups))
    resamples = resampling(groups, permutations=0).resamples
    rows = []
    for i, (layer, layer_after) in enumerate(pair.layers):
        before, own = then[first[i]], now[second[i]]._replace(name="retrained")
        seen = [
            Reading(name, float(scores[name][i]), dev[i], test[i])
            for name, (dev, test) in mapped.items()
        ]
        plain = seen[0] if PLAIN in mapped else None
        if plain and np.array_equal(plain.dev, before.dev):
            through, here, move = plain, plain, Move(plain, plain)
        else:
            through, here = _best(seen), _best([*seen, own])
            move = _moved(question, before, here, _others(pair, layer_after, then, now))
        levels = [before, *([plain] if plain else []), through, here, *move]
        rows.append(
            {
                "layer": layer,
                "layer_after": layer_after,
                **_parts(pair, [level.test for level in levels], resamples, has_plain=bool(plain)),
                "score_before": _score(pair, before),
                "score_as_it_is": _score(pair, plain) if plain else np.nan,
                "score_mapped": _score(pair, through),
                "score_retrained": _score(pair, own),
                "score_best_layer": _score(pair, move.now),
                "map": through.name,
                "best_elsewhere": move.now.name,
            }
        )
    return rows


def _readings(question: Question, name: str, fitted: Fitted) -> list[Reading]:
    """For each layer, what its own probes read."""
    scores = mean_scores(question, "dev", fitted.dev_predictions).tolist()
    return [
        Reading(f"{name} {layer}", scores[i], fitted.dev_predictions[i], fitted.predictions[i])
        for i, layer in enumerate(fitted.layers)
    ]


def _score(pair: ProbePair, reading: Reading) -> float:
    return float(mean_scores(pair.question, "test", reading.test[None])[0])


def _best(readings: Sequence[Reading]) -> Reading:
    """The reading with the best dev score; of equal ones the first, which is the simplest."""
    return max(readings, key=lambda reading: reading.score)


def _others(
    pair: ProbePair, layer_after: int, then: Sequence[Reading], now: Sequence[Reading]
) -> list[Move]:
    """The other layers of after, each with what was read at its depth before.

    Without the embeddings, into which nothing moves.
    """
    places = {layer: i for i, layer in enumerate(pair.before.layers)}
    moves = []
    for layer, reading in zip(pair.after.layers, now, strict=True):
        if layer not in (0, layer_after) and layer in pair.origins:
            moves.append(Move(reading, then[places[pair.origins[layer]]]))
    return moves


def _moved(question: Question, before: Reading, here: Reading, others: Sequence[Move]) -> Move:
    """The layer that most of what is missing here has moved to, by dev scores.

    It must know more than it did. `here` where there is no such layer.
    """
    gains = [
        float(_relocated(before.score, here.score, now.score, then.score)) for now, then in others
    ]
    if max(gains, default=0) <= 0:
        return Move(here, here)
    now, then = others[int(np.argmax(gains))]
    if not _knows_more(question, now, then):
        return Move(here, here)
    # The greater of two scores is biased upwards: `then` counts as more than `here` only where the
    # two can be told apart.
    return Move(now, then if _knows_more(question, then, here) else here)


def _knows_more(question: Question, first: Reading, second: Reading) -> bool:
    """Whether the first reading's score on dev is above the second's by its 95% interval."""
    higher, lower = counts(question, "dev", [first.dev[None], second.dev[None]])
    shared = resampling(higher.shape[2], permutations=0)
    return bool(difference(METRICS[question.task.metric], lower, higher, shared).low[0] > 0)


def _relocated(before: Any, here: Any, now: Any, then: Any) -> Any:
    """The part of what was known here before, and is not now, that another layer has gained."""
    return np.maximum(np.minimum(now, np.maximum(before, here)) - np.maximum(then, here), 0)


def _parts(
    pair: ProbePair,
    levels: Sequence[np.ndarray],
    resamples: np.ndarray,
    *,
    has_plain: bool,
) -> dict[str, float]:
    """The drop and its parts, with their intervals.

    Args:
        pair: the task and its probes.
        levels: predictions of the readings, `before` first, `(seeds, n)` each.
        resamples: how often each group is drawn, `(resamples, groups)`.
        has_plain: whether the probe reads `after` as it is.
    """
    metric = METRICS[pair.question.task.metric]
    (counted,) = counts(pair.question, "test", [np.stack(levels)])
    groups = counted.shape[2]
    of_seeds = _split(metric.score(counted.sum(axis=2)), has_plain)
    flat = counted.transpose(2, 0, 1, 3).reshape(groups, -1)
    sums = (resamples @ flat).reshape(len(resamples), *counted.shape[:2], -1)
    of_resamples = _split(metric.score(sums).transpose(1, 2, 0), has_plain)
    row: dict[str, float] = {}
    for part in ("drop", "mapped_drop", *PARTS):
        seeds, resampled = of_seeds[part][None], of_resamples[part][None]
        value = seeds.mean(axis=1)
        noise, share = seed_noise(seeds, resampled)
        spread = widened(resampled.mean(axis=1), value, groups, share) + noise
        low, high = interval(spread)
        row |= {part: float(value[0]), f"{part}_low": float(low[0]), f"{part}_high": float(high[0])}
        if part == "drop":
            detectable = minimum_detectable(spread, value, metric.largest_difference)
            row["drop_detectable"] = float(detectable[0])
    return row


def _split(scores: np.ndarray, has_plain: bool) -> dict[str, np.ndarray]:
    """The drop and its parts, `(…)` each, from the readings' scores `(levels, …)`."""
    before, *rest = scores
    plain, mapped, here, now, then = rest if has_plain else [np.full_like(before, np.nan), *rest]
    relocation = _relocated(before, here, now, then)
    return {
        "drop": before - (plain if has_plain else mapped),
        "mapped_drop": before - mapped,
        "rotation": mapped - plain,
        "re_encoding": here - mapped,
        "relocation": relocation,
        "loss": before - here - relocation,
    }
