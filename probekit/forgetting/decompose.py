"""Decompose: is what a probe can no longer read lost, or only moved, or turned?

Four readings of `after`, each free to do what the ones before it may:

    (a) the probe trained on `before`, as it is;
    (b) the same probe, behind a rotation (Procrustes) or a linear map (ridge) from after to before;
    (c) a probe trained on `after` at this layer;
    (d) a probe trained on `after` at whichever layer is best.

What (b) recovers is rotation (or another linear map), what only (c) recovers re-encoding, what only (d) recovers
relocation, and the rest is loss. Maps are fitted on training words; which reading a step uses is chosen on dev; the
scores are of test. The four parts add up to the whole drop of (a). Where the old probe says on dev what it said before,
nothing is looked for.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np

from probekit.forgetting import maps, paired
from probekit.forgetting.comparison import PARTS
from probekit.forgetting.sides import Sides, counts, mean_scores
from probekit.probes import metrics
from probekit.probes.fit import predict
from probekit.states.extract import States

MAP_WORDS, CHUNK = 16_384, 256  # training words that maps are fitted on, in runs from all over the split
PLAIN = "as it is"
Predictions = dict[str, list[np.ndarray]]  # by reading: `(layers, seeds, n)` for each task


def decompose(before: States, after: States, sides: Sequence[Sides]) -> list[dict[str, Any]]:
    """A row a task and layer: the parts with their 95% intervals, and the readings' own scores.

    Where the widths differ the probe cannot read `after` as it is: (a) and so `rotation` are missing, and the whole
    drop is that of (b), with ridge maps only.
    """
    places = sides[0].places[0]
    seen = _seen_through_maps(before, after, sides[0].layers)
    fitted = [side.before for side in sides]
    dev: Predictions = {name: _at(predict(fitted, vectors, "dev"), places) for name, vectors in seen.items()}
    test: Predictions = {name: _at(predict(fitted, vectors, "test"), places) for name, vectors in seen.items()}
    rows: list[dict[str, Any]] = []
    for t, side in enumerate(sides):
        own = {name: (dev[name][t], test[name][t]) for name in seen}
        rows += [{"task": side.data.task.name, **row} for row in _of_task(side, own)]
    return rows


def _at(predictions: list[np.ndarray], places: list[int]) -> list[np.ndarray]:
    return [of_task[places] for of_task in predictions]


def _seen_through_maps(
    before: States, after: States, layers: Sequence[tuple[int, int]]
) -> dict[str, maps.MappedStates]:
    """`after` in the place of `before`: as it is, and through maps fitted on training words."""
    partner = dict(layers)
    # Layers that have no partner read some other's: nobody looks at what comes of it.
    place = {layer: partner.get(layer, layers[0][1]) for layer in before.layers}
    samples = {layer: (_sample(after, b), _sample(before, layer)) for layer, b in layers}
    kept = _kept(before, after)
    fits: dict[str, Any] = {f"ridge {penalty:g}": partial(maps.ridge, penalty=penalty) for penalty in maps.RIDGES}
    if before.dim == after.dim:
        fits = {"procrustes": maps.procrustes, **fits}
    found: dict[str, maps.MappedStates] = {}
    if before.dim == after.dim:
        found[PLAIN] = maps.MappedStates(after, place, {}, before.dim)
    for name, fit in fits.items():
        fitted = {layer: fit(source[kept], target[kept]) for layer, (source, target) in samples.items()}
        of_layer = {layer: fitted.get(layer, fitted[layers[0][0]]) for layer in before.layers}
        found[name] = maps.MappedStates(after, place, of_layer, before.dim)
    return found


def _chunks(states: States) -> list[int]:
    words = int(states.corpus.offsets("train")[-1])
    every = max(CHUNK, CHUNK * (words // MAP_WORDS))
    return [start for start in range(0, words, every) if start + CHUNK <= words] or [0]


def _sample(states: States, layer: int) -> np.ndarray:
    words = int(states.corpus.offsets("train")[-1])
    parts = [states.read("train", start, min(start + CHUNK, words), [layer])[0] for start in _chunks(states)]
    return np.concatenate(parts).astype(np.float32)


def _kept(before: States, after: States) -> np.ndarray:
    """Which words of the sample both have: `(n,)`."""
    words = int(before.corpus.offsets("train")[-1])
    positions = np.concatenate([np.arange(start, min(start + CHUNK, words)) for start in _chunks(before)])
    return ~np.isin(positions, [*before.no_piece["train"], *after.no_piece["train"]])


def _of_task(side: Sides, mapped: dict[str, tuple[np.ndarray, np.ndarray]]) -> list[dict[str, Any]]:
    data, (first, second) = side.data, side.places
    dev = {name: mean_scores(data, "dev", predicted) for name, (predicted, _) in mapped.items()}
    retrained = mean_scores(data, "dev", side.after.dev_predictions)
    scores = {name: mean_scores(data, "test", predicted) for name, (_, predicted) in mapped.items()}
    scores["before"] = mean_scores(data, "test", side.before.predictions)
    scores["retrained"] = mean_scores(data, "test", side.after.predictions)
    elsewhere = {f"layer {at}": (retrained[j], side.after.predictions[j]) for j, at in enumerate(side.after.layers)}
    drawn = paired.weights(len(np.unique(data.splits["test"].groups))).resampled
    rows = []
    for i, (layer, layer_after) in enumerate(side.layers):
        probes = {name: (dev[name][i], test[i]) for name, (_, test) in mapped.items()}
        own = {"retrained": (retrained[second[i]], side.after.predictions[second[i]])}
        plain = {name: reading for name, reading in probes.items() if name == PLAIN}
        steps = [step for step in (plain, probes, probes | own, probes | own | elsewhere) if step]
        if plain and np.array_equal(mapped[PLAIN][0][i], side.before.dev_predictions[first[i]]):
            steps = [plain for _ in steps]
        chosen = [_best(step) for step in steps]
        levels = [side.before.predictions[first[i]], *(predictions for _, predictions in chosen)]
        rows.append(
            {
                "layer": layer,
                "layer_after": layer_after,
                **_parts(side, np.stack(levels), drawn, has_plain=bool(plain)),
                "score_before": scores["before"][first[i]],
                "score_as_it_is": scores[PLAIN][i] if plain else np.nan,
                "score_mapped": scores[chosen[-3][0]][i],
                "score_retrained": scores["retrained"][second[i]],
                "score_best_layer": mean_scores(data, "test", chosen[-1][1][None])[0],
                "map": chosen[-3][0],
                "best_elsewhere": chosen[-1][0],
            }
        )
    return rows


def _best(readings: dict[str, tuple[float, np.ndarray]]) -> tuple[str, np.ndarray]:
    """The reading with the best dev score, by name, with its test predictions; of equals the first, the plainest."""
    name = max(readings, key=lambda name: readings[name][0])
    return name, readings[name][1]


def _parts(side: Sides, levels: np.ndarray, drawn: np.ndarray, *, has_plain: bool) -> dict[str, float]:
    """The drop and its parts with their intervals, from `(levels, seeds, n)` predictions, `before` first, and
    `(draws, groups)` weights."""
    metric = side.data.task.metric
    (counted,) = counts(side.data, "test", [levels])
    groups = counted.shape[2]
    of_seeds = _split(metrics.score(metric, counted.sum(axis=2)), has_plain)
    flat = counted.transpose(2, 0, 1, 3).reshape(groups, -1)
    resampled = metrics.score(metric, (drawn @ flat).reshape(len(drawn), *counted.shape[:2], -1))
    draws = _split(resampled.transpose(1, 2, 0), has_plain)
    row: dict[str, float] = {}
    for part in ("drop", *PARTS):
        seeds, drawn_part = of_seeds[part][None], draws[part][None]
        value = seeds.mean(axis=1)
        noise, share = paired.seed_noise(seeds, drawn_part)
        low, high = metrics.interval(paired.widened(drawn_part.mean(axis=1), value, groups, share) + noise)
        row |= {part: float(value[0]), f"{part}_low": float(low[0]), f"{part}_high": float(high[0])}
    return row


def _split(scores: np.ndarray, has_plain: bool) -> dict[str, np.ndarray]:
    """The drop and its parts, `(…)` each, from the readings' scores `(levels, …)`."""
    before, *rest = scores
    plain, mapped, retrained, best = rest if has_plain else [np.full_like(before, np.nan), *rest]
    # A layer that knew more all along makes good what this one lost, but no more than that.
    best = np.clip(best, retrained, np.maximum(before, retrained))
    return {
        "drop": before - (plain if has_plain else mapped),
        "rotation": mapped - plain,
        "re_encoding": retrained - mapped,
        "relocation": best - retrained,
        "loss": before - best,
    }
