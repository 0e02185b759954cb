"""Annotations in columns: of words, and of spans."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import chain, pairwise

import numpy as np

from probekit.corpora.passage import Edge
from probekit.corpora.runs import offsets_of, places_in
from probekit.corpora.texts import Texts


@dataclass(frozen=True, eq=False)
class WordAnnotation:
    """One value a word.

    Attributes:
        present: `(passages,)` whether a passage has the annotation.
        offsets: `(passages + 1,)` where each passage's words begin.
        values: of every word; missing ones where the passage does not have the annotation.
    """

    present: np.ndarray
    offsets: np.ndarray
    values: Texts

    @classmethod
    def of(
        cls, annotations: Sequence[Sequence[str | None] | None], lengths: Sequence[int]
    ) -> WordAnnotation:
        """From each passage's values, None where it has none, and its number of words."""
        pairs = zip(annotations, lengths, strict=True)
        filled = [(None,) * n if values is None else values for values, n in pairs]
        return cls(
            present=np.array([values is not None for values in annotations], dtype=bool),
            offsets=offsets_of(np.array(lengths, dtype=np.int64)),
            values=Texts.of(list(chain.from_iterable(filled)), optional=True),
        )

    @classmethod
    def joined(cls, parts: Sequence[WordAnnotation]) -> WordAnnotation:
        """One after the other."""
        return cls(
            present=np.concatenate([part.present for part in parts]),
            offsets=offsets_of(np.concatenate([np.diff(part.offsets) for part in parts])),
            values=Texts.joined([part.values for part in parts]),
        )

    def take(self, passages: np.ndarray) -> WordAnnotation:
        """The values of some passages."""
        return WordAnnotation(
            present=self.present[passages],
            offsets=offsets_of(np.diff(self.offsets)[passages]),
            values=self.values.take(places_in(self.offsets, passages)),
        )

    def objects(self, start: int, stop: int) -> list[tuple[str | None, ...]]:
        """Those of the passages from `start` to `stop`, as Python has them."""
        bounds = self.offsets[start : stop + 1]
        values = self.values.values(bounds[0], bounds[-1])
        return [tuple(values[a:b]) for a, b in pairwise((bounds - bounds[0]).tolist())]


@dataclass(frozen=True, eq=False)
class SpanAnnotation:
    """Labelled spans.

    Attributes: present: `(passages,)` whether a passage has the annotation. offsets: `(passages +
        1,)` where each passage's edges begin. arities: `(edges,)` spans of each edge. spans:
        `(spans, 2)` first word and word after the last, edge after edge, as positions in the
        passage. labels: of every edge.
    """

    present: np.ndarray
    offsets: np.ndarray
    arities: np.ndarray
    spans: np.ndarray
    labels: Texts

    @classmethod
    def of(cls, annotations: Sequence[Sequence[Edge] | None]) -> SpanAnnotation:
        """From each passage's edges, None where it has none of them."""
        every = list(chain.from_iterable(edges for edges in annotations if edges))
        spans = list(chain.from_iterable(edge.spans for edge in every))
        return cls(
            present=np.array([edges is not None for edges in annotations], dtype=bool),
            offsets=offsets_of(
                np.array([len(edges or ()) for edges in annotations], dtype=np.int64)
            ),
            arities=np.fromiter(
                (len(edge.spans) for edge in every), dtype=np.int8, count=len(every)
            ),
            spans=np.fromiter(
                chain.from_iterable(spans), dtype=np.int32, count=2 * len(spans)
            ).reshape(-1, 2),
            labels=Texts.of([edge.label for edge in every]),
        )

    @classmethod
    def joined(cls, parts: Sequence[SpanAnnotation]) -> SpanAnnotation:
        """One after the other."""
        return cls(
            present=np.concatenate([part.present for part in parts]),
            offsets=offsets_of(np.concatenate([np.diff(part.offsets) for part in parts])),
            arities=np.concatenate([part.arities for part in parts]),
            spans=np.concatenate([part.spans for part in parts]),
            labels=Texts.joined([part.labels for part in parts]),
        )

    def take(self, passages: np.ndarray) -> SpanAnnotation:
        """The edges of some passages."""
        edges = places_in(self.offsets, passages)
        spans = places_in(offsets_of(self.arities), edges)
        return SpanAnnotation(
            present=self.present[passages],
            offsets=offsets_of(np.diff(self.offsets)[passages]),
            arities=self.arities[edges],
            spans=self.spans[spans],
            labels=self.labels.take(edges),
        )

    @cached_property
    def _first_span(self) -> np.ndarray:
        """Where each passage's spans begin: `(passages + 1,)`."""
        return offsets_of(self.arities)[self.offsets]

    def spans_of(self, start: int, stop: int) -> np.ndarray:
        """The spans of the passages from `start` to `stop`: `(spans, 2)`."""
        return self.spans[self._first_span[start] : self._first_span[stop]]

    def objects(self, start: int, stop: int) -> list[tuple[Edge, ...]]:
        """Those of the passages from `start` to `stop`, as Python has them."""
        first, last = self.offsets[start], self.offsets[stop]
        spans = self.spans_of(start, stop)
        pairs = list(zip(spans[:, 0].tolist(), spans[:, 1].tolist(), strict=True))
        bounds = offsets_of(self.arities[first:last]).tolist()
        labels = self.labels.texts(first, last)
        found = [
            Edge(tuple(pairs[a:b]), label)
            for (a, b), label in zip(pairwise(bounds), labels, strict=True)
        ]
        borders = (self.offsets[start : stop + 1] - first).tolist()
        return [tuple(found[a:b]) for a, b in pairwise(borders)]
