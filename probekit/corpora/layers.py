"""Layers of annotation in columns: of words, and of spans."""

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
class TagLayer:
    """One value a word.

    Attributes:
        present: `(passages,)` whether a passage has the layer.
        offsets: `(passages + 1,)` where each passage's words begin.
        values: of every word; missing ones where the passage does not have the layer.
    """

    present: np.ndarray
    offsets: np.ndarray
    values: Texts

    @classmethod
    def of(cls, layers: Sequence[Sequence[str | None] | None], lengths: Sequence[int]) -> TagLayer:
        """From each passage's values, None where it has none, and its number of words."""
        filled = [(None,) * n if layer is None else layer for layer, n in zip(layers, lengths, strict=True)]
        return cls(
            present=np.array([layer is not None for layer in layers], dtype=bool),
            offsets=offsets_of(np.array(lengths, dtype=np.int64)),
            values=Texts.of(list(chain.from_iterable(filled)), optional=True),
        )

    @classmethod
    def joined(cls, parts: Sequence[TagLayer]) -> TagLayer:
        """One after the other."""
        return cls(
            present=np.concatenate([part.present for part in parts]),
            offsets=offsets_of(np.concatenate([np.diff(part.offsets) for part in parts])),
            values=Texts.joined([part.values for part in parts]),
        )

    def take(self, passages: np.ndarray) -> TagLayer:
        """The values of some passages."""
        return TagLayer(
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
class EdgeLayer:
    """Labelled spans.

    Attributes:
        present: `(passages,)` whether a passage has the layer.
        offsets: `(passages + 1,)` where each passage's edges begin.
        arities: `(edges,)` spans of each edge.
        spans: `(spans, 2)` first word and word after the last, edge after edge, as positions in the passage.
        labels: of every edge.
    """

    present: np.ndarray
    offsets: np.ndarray
    arities: np.ndarray
    spans: np.ndarray
    labels: Texts

    @classmethod
    def of(cls, layers: Sequence[Sequence[Edge] | None]) -> EdgeLayer:
        """From each passage's edges, None where it has none of them."""
        edges = list(chain.from_iterable(layer for layer in layers if layer))
        spans = list(chain.from_iterable(edge.spans for edge in edges))
        return cls(
            present=np.array([layer is not None for layer in layers], dtype=bool),
            offsets=offsets_of(np.array([len(layer or ()) for layer in layers], dtype=np.int64)),
            arities=np.fromiter((len(edge.spans) for edge in edges), dtype=np.int8, count=len(edges)),
            spans=np.fromiter(chain.from_iterable(spans), dtype=np.int32, count=2 * len(spans)).reshape(-1, 2),
            labels=Texts.of([edge.label for edge in edges]),
        )

    @classmethod
    def joined(cls, parts: Sequence[EdgeLayer]) -> EdgeLayer:
        """One after the other."""
        return cls(
            present=np.concatenate([part.present for part in parts]),
            offsets=offsets_of(np.concatenate([np.diff(part.offsets) for part in parts])),
            arities=np.concatenate([part.arities for part in parts]),
            spans=np.concatenate([part.spans for part in parts]),
            labels=Texts.joined([part.labels for part in parts]),
        )

    def take(self, passages: np.ndarray) -> EdgeLayer:
        """The edges of some passages."""
        edges = places_in(self.offsets, passages)
        spans = places_in(offsets_of(self.arities), edges)
        return EdgeLayer(
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
        found = [Edge(tuple(pairs[a:b]), label) for (a, b), label in zip(pairwise(bounds), labels, strict=True)]
        borders = (self.offsets[start : stop + 1] - first).tolist()
        return [tuple(found[a:b]) for a, b in pairwise(borders)]
