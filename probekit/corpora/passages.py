"""Passages in columns: what a corpus holds takes some bytes per word, and becomes objects when it is
looked at."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import chain
from typing import overload

import numpy as np

from probekit.corpora.annotations import SpanAnnotation, WordAnnotation
from probekit.corpora.lazy import Block
from probekit.corpora.passage import Passage
from probekit.corpora.runs import offsets_of, places_in
from probekit.corpora.texts import Texts
from probekit.errors import InputError

CHUNK = 16_384  # words and edges that are objects at once, while passages are put into columns
BLOCK = 256  # passages that are objects at once, while they are walked


class Passages(Sequence[Passage]):
    """An immutable sequence of passages, in columns.

    A passage is made when it is asked for. What goes through many of them reads the columns.

    Attributes:
        ids, documents: of each passage.
        offsets: `(n + 1,)` position of each passage's first word, and the number of words last.
        words: every word, passage after passage.
        tags: word annotations by name.
        edges: span annotations by name.
    """

    def __init__(
        self,
        ids: Texts,
        documents: Texts,
        offsets: np.ndarray,
        words: Texts,
        tags: Mapping[str, WordAnnotation],
        edges: Mapping[str, SpanAnnotation],
    ) -> None:
        self.ids, self.documents, self.offsets, self.words = ids, documents, offsets, words
        self.tags = {
            name: annotation for name, annotation in tags.items() if annotation.present.any()
        }
        self.edges = {
            name: annotation for name, annotation in edges.items() if annotation.present.any()
        }

    @classmethod
    def of(cls, passages: Iterable[Passage]) -> Passages:
        """From passages, each of which may go once it was given.

        Raises InputError where one holds something else than texts, or an annotation has not one
        value a word.
        """
        if isinstance(passages, Passages):
            return passages
        parts: list[Passages] = []
        chunk: list[Passage] = []
        size = 0
        for passage in passages:
            chunk.append(passage)
            size += len(passage.words) + sum(map(len, passage.edges.values()))
            if size >= CHUNK:
                parts.append(_in_columns(chunk))
                chunk, size = [], 0
        return cls.joined([*parts, _in_columns(chunk)])

    @classmethod
    def joined(cls, parts: list[Passages]) -> Passages:
        """One after the other. The list is emptied, and each column goes when it is joined, so that
        the parts and the whole are never there together."""
        if len(parts) == 1:
            return parts.pop()
        ids, documents, words = (
            [p.ids for p in parts],
            [p.documents for p in parts],
            [p.words for p in parts],
        )
        lengths = np.concatenate([np.diff(part.offsets) for part in parts])
        tags = {
            name: [p.tags.get(name) or p.no_tags() for p in parts]
            for name in _names(p.tags for p in parts)
        }
        edges = {
            name: [p.edges.get(name) or p.no_edges() for p in parts]
            for name in _names(p.edges for p in parts)
        }
        parts.clear()
        return cls(
            ids=Texts.joined(ids),
            documents=Texts.joined(documents),
            offsets=offsets_of(lengths),
            words=Texts.joined(words),
            tags={name: WordAnnotation.joined(tags.pop(name)) for name in list(tags)},
            edges={name: SpanAnnotation.joined(edges.pop(name)) for name in list(edges)},
        )

    def __len__(self) -> int:
        return len(self.ids)

    def __repr__(self) -> str:
        return f"Passages({len(self):,} passages, {len(self.words):,} words)"

    @overload
    def __getitem__(self, at: int) -> Passage: ...
    @overload
    def __getitem__(self, at: slice) -> Passages: ...
    def __getitem__(self, at: int | slice) -> Passage | Passages:
        chosen = range(len(self))[at]
        if isinstance(chosen, range):
            return self.take(np.arange(chosen.start, chosen.stop, chosen.step))
        return self._objects(chosen, chosen + 1)[0]

    def __iter__(self) -> Iterator[Passage]:
        for start, stop in self.blocks():
            yield from self._objects(start, stop)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Sequence):
            return NotImplemented
        return len(self) == len(other) and all(
            one == another for one, another in zip(self, other, strict=True)
        )

    __hash__ = None  # type: ignore[assignment]

    def blocks(self) -> Iterator[tuple[int, int]]:
        """First passage, and passage after the last, of runs of some hundred."""
        for start in range(0, len(self), BLOCK):
            yield start, min(start + BLOCK, len(self))

    def take(self, passages: np.ndarray) -> Passages:
        """The passages of these numbers, in this order."""
        return Passages(
            ids=self.ids.take(passages),
            documents=self.documents.take(passages),
            offsets=offsets_of(np.diff(self.offsets)[passages]),
            words=self.words.take(places_in(self.offsets, passages)),
            tags={name: annotation.take(passages) for name, annotation in self.tags.items()},
            edges={name: annotation.take(passages) for name, annotation in self.edges.items()},
        )

    def replace(
        self,
        *,
        ids: Texts | None = None,
        documents: Texts | None = None,
        tags: Mapping[str, WordAnnotation] | None = None,
        edges: Mapping[str, SpanAnnotation] | None = None,
    ) -> Passages:
        """The same words with other columns in place of those given."""
        return Passages(
            ids=self.ids if ids is None else ids,
            documents=self.documents if documents is None else documents,
            offsets=self.offsets,
            words=self.words,
            tags=self.tags if tags is None else tags,
            edges=self.edges if edges is None else edges,
        )

    def no_tags(self) -> WordAnnotation:
        """A word annotation that no passage has."""
        return WordAnnotation(
            np.zeros(len(self), dtype=bool), self.offsets, Texts.missing(len(self.words))
        )

    def no_edges(self) -> SpanAnnotation:
        """A span annotation that no passage has."""
        return SpanAnnotation.of([None] * len(self))

    def document_numbers(self) -> np.ndarray:
        """Number of the document each passage stands in, counted in order of appearance: `(n,)`."""
        named = self.documents.numbers
        return offsets_of(named[1:] != named[:-1])[: len(self)]

    def _objects(self, start: int, stop: int) -> list[Passage]:
        first, last = int(self.offsets[start]), int(self.offsets[stop])
        bounds = (self.offsets[start : stop + 1] - first).tolist()
        ids, documents = self.ids.texts(start, stop), self.documents.texts(start, stop)
        words = self.words.texts(first, last)
        tags = Block(self.tags, start, stop).of_each()
        edges = Block(self.edges, start, stop).of_each()
        return [
            Passage(
                ids[i], documents[i], tuple(words[bounds[i] : bounds[i + 1]]), tags[i], edges[i]
            )
            for i in range(stop - start)
        ]


def _in_columns(passages: Sequence[Passage]) -> Passages:
    lengths = [len(passage.words) for passage in passages]
    tags: dict[str, WordAnnotation] = {}
    for name in _names(passage.tags for passage in passages):
        tags[name] = WordAnnotation.of([_tags(passage, name) for passage in passages], lengths)
    edges: dict[str, SpanAnnotation] = {}
    for name in _names(passage.edges for passage in passages):
        edges[name] = SpanAnnotation.of([passage.edges.get(name) for passage in passages])
    return Passages(
        ids=Texts.of([passage.id for passage in passages]),
        documents=Texts.of([passage.document for passage in passages]),
        offsets=offsets_of(np.array(lengths, dtype=np.int64)),
        words=Texts.of(list(chain.from_iterable(passage.words for passage in passages))),
        tags=tags,
        edges=edges,
    )


def _tags(passage: Passage, name: str) -> Sequence[str | None] | None:
    values = passage.tags.get(name)
    if values is not None and len(values) != len(passage.words):
        raise InputError(
            f"passage '{passage.id}' has {len(passage.words)} words and {len(values)} values in its annotation '{name}'"
        )
    return values


def _names(annotations: Iterable[Mapping[str, object]]) -> list[str]:
    """The names of all annotations, in order of appearance."""
    names: dict[str, None] = {}
    for one in annotations:
        names.update(dict.fromkeys(one))
    return list(names)
