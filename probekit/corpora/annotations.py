"""Annotations of words and of spans, stored in columns."""

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
    """One value per word.

    Attributes:
        present: `(passages,)` whether a passage has the annotation.
        offsets: `(passages + 1,)` where each passage's words begin.
        values: the value of every word; missing where the passage lacks the annotation.
    """

    present: np.ndarray
    offsets: np.ndarray
    values: Texts

    @classmethod
    def of(
        cls, annotations: Sequence[Sequence[str | None] | None], lengths: Sequence[int]
    ) -> WordAnnotation:
        """Build it from each passage's values (None without the annotation) and word count."""
        filled: list[Sequence[str | None]] = []
        for values, length in zip(annotations, lengths, strict=True):
            filled.append((None,) * length if values is None else values)
        return cls(
            present=np.array([values is not None for values in annotations], dtype=bool),
            offsets=offsets_of(np.array(lengths, dtype=np.int64)),
            values=Texts.of(list(chain.from_iterable(filled)), optional=True),
        )

    @classmethod
    def joined(cls, parts: Sequence[WordAnnotation]) -> WordAnnotation:
        """Concatenate the parts."""
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
        """The annotation of each passage from `start` to `stop`, as Python objects."""
        bounds = self.offsets[start : stop + 1]
        values = self.values.values(bounds[0], bounds[-1])
        return [tuple(values[a:b]) for a, b in pairwise((bounds - bounds[0]).tolist())]


@dataclass(frozen=True, eq=False)
class SpanAnnotation:
    """Labelled spans.

    Attributes:
        present: `(passages,)` whether a passage has the annotation.
        offsets: `(passages + 1,)` where each passage's edges begin.
        arities: `(edges,)` number of spans of each edge.
        spans: `(spans, 2)` first word and word after the last, edge after edge, as positions in
            the passage.
        labels: the label of every edge.
    """

    present: np.ndarray
    offsets: np.ndarray
    arities: np.ndarray
    spans: np.ndarray
    labels: Texts

    @classmethod
    def of(cls, annotations: Sequence[Sequence[Edge] | None]) -> SpanAnnotation:
        """Build it from each passage's edges (None without the annotation)."""
        every = list(chain.from_iterable(edges for edges in annotations if edges))
        counts = [len(edges or ()) for edges in annotations]
        arities = [len(edge.spans) for edge in every]
        spans = list(chain.from_iterable(edge.spans for edge in every))
        words = chain.from_iterable(spans)
        return cls(
            present=np.array([edges is not None for edges in annotations], dtype=bool),
            offsets=offsets_of(np.array(counts, dtype=np.int64)),
            arities=np.array(arities, dtype=np.int8),
            spans=np.fromiter(words, dtype=np.int32, count=2 * len(spans)).reshape(-1, 2),
            labels=Texts.of([edge.label for edge in every]),
        )

    @classmethod
    def joined(cls, parts: Sequence[SpanAnnotation]) -> SpanAnnotation:
        """Concatenate the parts."""
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
        """The annotation of each passage from `start` to `stop`, as Python objects."""
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
