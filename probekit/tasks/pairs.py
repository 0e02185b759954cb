"""Pairs of mentions for coreference: each mention with its nearest antecedent, and as many pairs
at the same distances that are not coreferent.

The distance of a pair is the number of mentions from the first to the second. Thus a probe cannot
tell the two kinds apart by distance, nor by whether the second mention is anaphoric: the second
mention of a negative pair has an antecedent too, as long as there is such a pair at that distance.
"""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Sequence

from probekit.corpora.passage import Passage, Span

Pair = tuple[Span, Span]
SAME, DIFFERENT = "same", "different"


def mention_pairs(passages: Sequence[Passage], annotation: str) -> list[tuple[Pair, str]]:
    """The labelled pairs of one document, the earlier mention first.

    Offsets count from the document's first word. The pairs depend only on the document's id and its
    mentions, so they are the same for every model.
    """
    spans, entities = _mentions(passages, annotation)
    positives = _nearest_antecedents(spans, entities)
    anaphors = {second for _, second in positives}
    negatives = _Negatives(spans, entities, anaphors, f"probekit pairs {passages[0].document}")
    drawn = [negatives.draw(second - first) for first, second in positives]
    labelled = [(second, first, SAME) for first, second in positives]
    labelled += [(pair[1], pair[0], DIFFERENT) for pair in drawn if pair]
    labelled.sort(key=lambda pair: pair[:2])
    return [((spans[first], spans[second]), label) for second, first, label in labelled]


def _mentions(passages: Sequence[Passage], annotation: str) -> tuple[list[Span], list[str]]:
    found = []
    offset = 0
    for passage in passages:
        for edge in passage.edges.get(annotation, ()):
            start, end = edge.spans[0]
            found.append((start + offset, end + offset, edge.label))
        offset += len(passage.words)
    found.sort()
    return [(start, end) for start, end, _ in found], [entity for _, _, entity in found]


def _overlap(a: Span, b: Span) -> bool:
    return a[0] < b[1] and b[0] < a[1]


def _nearest_antecedents(spans: list[Span], entities: list[str]) -> list[tuple[int, int]]:
    """(antecedent, anaphor) for every mention with an earlier, separate mention of its entity."""
    seen: dict[str, list[int]] = defaultdict(list)
    positives = []
    for j, entity in enumerate(entities):
        apart = [i for i in seen[entity] if not _overlap(spans[i], spans[j])]
        if apart:
            positives.append((apart[-1], j))
        seen[entity].append(j)
    return positives


class _Negatives:
    """Random pairs of one document that neither corefer nor overlap, without replacement."""

    def __init__(
        self, spans: list[Span], entities: list[str], anaphors: set[int], seed: str
    ) -> None:
        self._spans = spans
        self._entities = entities
        self._anaphors = anaphors
        self._random = random.Random(seed)
        self._free: dict[int, list[list[tuple[int, int]]]] = {}

    def draw(self, distance: int) -> tuple[int, int] | None:
        """A pair at `distance`, or at the nearest distance with one left; None if none is left."""
        for step in range(len(self._spans)):
            for near in (distance,) if step == 0 else (distance - step, distance + step):
                for free in self._at(near):
                    if free:
                        return free.pop()
        return None

    def _at(self, distance: int) -> list[list[tuple[int, int]]]:
        """The pairs left at a distance, shuffled: anaphoric second mentions, then the others."""
        if distance not in self._free:
            pairs = self._pairs(distance)
            self._random.shuffle(pairs)
            anaphoric = [pair for pair in pairs if pair[1] in self._anaphors]
            others = [pair for pair in pairs if pair[1] not in self._anaphors]
            self._free[distance] = [anaphoric, others]
        return self._free[distance]

    def _pairs(self, distance: int) -> list[tuple[int, int]]:
        """All pairs at a distance, in order; none below 1."""
        pairs: list[tuple[int, int]] = []
        if distance < 1:
            return pairs
        for second in range(distance, len(self._spans)):
            first = second - distance
            corefer = self._entities[first] == self._entities[second]
            if not corefer and not _overlap(self._spans[first], self._spans[second]):
                pairs.append((first, second))
        return pairs
