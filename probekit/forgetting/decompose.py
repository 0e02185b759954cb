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

from collections.abc import Iterator
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from probekit.forgetting.comparison_rows import DecompositionRow
from probekit.forgetting.kind import kind
from probekit.forgetting.mapped_states import PLAIN
from probekit.forgetting.parts import parts_of
from probekit.forgetting.probe_pair import ProbePair
from probekit.forgetting.readings import (
    Move,
    Reading,
    best_move,
    best_reading,
    other_layers,
    own_readings,
    readings_of,
    score_on_test,
)
from probekit.forgetting.through_maps import ByMap
from probekit.stats.paired import resampling


class _Chosen(NamedTuple):
    """The readings of a layer, as chosen on dev.

    Attributes:
        before: what the probe read before.
        plain: (a); None where the widths differ.
        through: the better of (a) and (b).
        here: the better of these and (c).
        move: (d); twice `here` where no other layer recovers anything.
        own: (c).
    """

    before: Reading
    plain: Reading | None
    through: Reading
    here: Reading
    move: Move
    own: Reading

    def predictions(self) -> list[np.ndarray]:
        """On test, `(seeds, n)` each, in the order of `parts_of`."""
        levels = [self.before]
        if self.plain:
            levels.append(self.plain)
        levels += [self.through, self.here, self.move.now, self.move.then]
        return [level.test for level in levels]


def decompose(pair: ProbePair, through: ByMap) -> list[DecompositionRow]:
    """One row per layer of a task: the parts with their 95% intervals, and each reading's score.

    Args:
        pair: the probes of the task.
        through: what those before predict from the states after, through each map.

    Where the widths differ, the probe cannot read `after` as it is: (a) and so `rotation` are
    missing, and the whole drop is the drop of (b), with ridge maps only.
    """
    groups = len(np.unique(pair.question.splits["test"].groups))
    resamples = resampling(groups, permutations=0).resamples
    rows = []
    for place, chosen in enumerate(_choose(pair, _readings(pair, through))):
        rows.append(_row(pair, place, chosen, resamples))
    return rows


def _readings(pair: ProbePair, through: ByMap) -> dict[str, list[Reading]]:
    """What the old probes read through each map, by pair of layers."""
    found: dict[str, list[Reading]] = {}
    for name, predicted in through.items():
        names = [name] * len(pair.layers)
        found[name] = readings_of(pair.question, names, predicted.dev, predicted.test)
    return found


def _choose(pair: ProbePair, mapped: dict[str, list[Reading]]) -> Iterator[_Chosen]:
    """The readings chosen for each pair of layers.

    Args:
        pair: the task and its probes.
        mapped: what the old probes read through each map, by pair of layers.
    """
    then = own_readings("before", pair.before)
    now = own_readings("layer", pair.after)
    places_before, places_after = pair.places
    for i, (_, layer_after) in enumerate(pair.layers):
        before = then[places_before[i]]
        own = now[places_after[i]]._replace(name="retrained")
        seen = [of_layers[i] for of_layers in mapped.values()]
        plain = seen[0] if PLAIN in mapped else None
        if plain and np.array_equal(plain.dev, before.dev):
            yield _Chosen(before, plain, plain, plain, Move(plain, plain), own)
            continue
        through, here = best_reading(seen), best_reading([*seen, own])
        others = other_layers(pair, layer_after, then, now)
        move = best_move(pair.question, before, here, others)
        yield _Chosen(before, plain, through, here, move, own)


def _row(pair: ProbePair, place: int, chosen: _Chosen, resamples: np.ndarray) -> DecompositionRow:
    """The row of the pair of layers at a place; `resamples` as for `parts_of`."""
    layer, layer_after = pair.layers[place]
    parts = parts_of(pair, chosen.predictions(), resamples, has_plain=chosen.plain is not None)

    def score(reading: Reading) -> float:
        return score_on_test(pair.question, reading)

    row = DecompositionRow(
        **vars(pair.about),
        layer=layer,
        layer_after=layer_after,
        drop=parts.drop.value,
        drop_low=parts.drop.low,
        drop_high=parts.drop.high,
        drop_detectable=parts.drop_detectable,
        mapped_drop=parts.mapped_drop.value,
        mapped_drop_low=parts.mapped_drop.low,
        mapped_drop_high=parts.mapped_drop.high,
        rotation=parts.rotation.value,
        rotation_low=parts.rotation.low,
        rotation_high=parts.rotation.high,
        re_encoding=parts.re_encoding.value,
        re_encoding_low=parts.re_encoding.low,
        re_encoding_high=parts.re_encoding.high,
        relocation=parts.relocation.value,
        relocation_low=parts.relocation.low,
        relocation_high=parts.relocation.high,
        loss=parts.loss.value,
        loss_low=parts.loss.low,
        loss_high=parts.loss.high,
        score_before=score(chosen.before),
        score_as_it_is=score(chosen.plain) if chosen.plain else np.nan,
        score_mapped=score(chosen.through),
        score_retrained=score(chosen.own),
        score_best_layer=score(chosen.move.now),
        map=chosen.through.name,
        best_elsewhere=chosen.move.now.name,
        kind="",
    )
    return replace(row, kind=kind(row))
