"""Pairs of mentions for coreference: each mention with its nearest antecedent, and as many pairs
that are not coreferent at the same distances.

The distance of a pair is the number of mentions from the first to the second. A probe can then not
tell the two kinds apart by how near the mentions stand; nor by the second being anaphoric, since
negatives too are drawn among mentions that have an antecedent, as long as there are any at that
distance.
"""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Sequence

from probekit.corpora.passage import Passage, Span

Pair = tuple[Span, Span]
SAME, DIFFERENT = "same", "different"


def mention_pairs(passages: Sequence[Passage], annotation: str) -> list[tuple[Pair, str]]:
    """The labelled pairs of one document, the earlier mention first; offsets count from its first
    word.

    The draw depends on the document's id and its mentions only, so every model is asked the same
    pairs.
    """
    spans, entities = _mentions(passages, annotation)
    positives = _nearest_antecedents(spans, entities)
    anaphors = {second for _, second in positives}
    negatives = _Negatives(spans, entities, anaphors, f"probekit pairs {passages[0].document}")
    drawn = [negatives.draw(second - first) for first, second in positives]
    labelled = [(i, j, SAME) for i, j in positives] + [(*pair, DIFFERENT) for pair in drawn if pair]
    return [
        ((spans[i], spans[j]), label)
        for i, j, label in sorted(labelled, key=lambda x: (x[1], x[0]))
    ]


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
    """(antecedent, anaphor) for every mention whose entity was mentioned before, apart from itself."""
    seen: dict[str, list[int]] = defaultdict(list)
    positives = []
    for j, entity in enumerate(entities):
        apart = [i for i in seen[entity] if not _overlap(spans[i], spans[j])]
        if apart:
            positives.append((apart[-1], j))
        seen[entity].append(j)
    return positives


class _Negatives:
    """Pairs of one document that are not coreferent and do not overlap, drawn without replacement."""

    def __init__(
        self, spans: list[Span], entities: list[str], anaphors: set[int], seed: str
    ) -> None:
        self._spans, self._entities, self._anaphors = spans, entities, anaphors
        self._random = random.Random(seed)
        self._free: dict[int, list[list[tuple[int, int]]]] = {}

    def draw(self, distance: int) -> tuple[int, int] | None:
        """A pair at `distance`, or at the nearest distance that has one left; None where none is
        left at all."""
        for step in range(len(self._spans)):
            for near in (distance,) if step == 0 else (distance - step, distance + step):
                for free in self._at(near):
                    if free:
                        return free.pop()
        return None

    def _at(self, distance: int) -> list[list[tuple[int, int]]]:
        """Pairs left at a distance, shuffled: those whose second mention is anaphoric, then the
        others."""
        if distance not in self._free:
            pairs = [
                (j - distance, j)
                for j in range(max(distance, 0), len(self._spans))
                if distance > 0
                and self._entities[j - distance] != self._entities[j]
                and not _overlap(self._spans[j - distance], self._spans[j])
            ]
            self._random.shuffle(pairs)
            anaphoric = [pair for pair in pairs if pair[1] in self._anaphors]
            self._free[distance] = [
                anaphoric,
                [pair for pair in pairs if pair[1] not in self._anaphors],
            ]
        return self._free[distance]
