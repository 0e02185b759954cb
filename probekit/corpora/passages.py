"""Passages in columns: some bytes per word, made into objects on access."""

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

CHUNK = 16_384  # words and edges that are objects at once while columns are built
BLOCK = 256  # passages that are objects at once in an iteration


class Passages(Sequence[Passage]):
    """An immutable sequence of passages, in columns.

    A passage object is made on access. Code that goes through many of them reads the columns.

    Attributes:
        ids, documents: the id and the document of each passage.
        offsets: `(n + 1,)` position of each passage's first word, and last the number of words.
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
        self.ids = ids
        self.documents = documents
        self.offsets = offsets
        self.words = words
        self.tags = {name: column for name, column in tags.items() if column.present.any()}
        self.edges = {name: column for name, column in edges.items() if column.present.any()}

    @classmethod
    def of(cls, passages: Iterable[Passage]) -> Passages:
        """Build columns from passages; no passage object is needed afterwards.

        Raises:
            InputError: if a passage holds anything but texts, or an annotation does not have one
                value per word.
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
        """Concatenate the parts.

        The list is emptied, and each column is freed once it is joined, so that memory never holds
        the parts and the whole together.
        """
        if len(parts) == 1:
            return parts.pop()
        ids = [part.ids for part in parts]
        documents = [part.documents for part in parts]
        words = [part.words for part in parts]
        lengths = np.concatenate([np.diff(part.offsets) for part in parts])
        tags: dict[str, list[WordAnnotation]] = {}
        for name in _names(part.tags for part in parts):
            tags[name] = [part.tags.get(name) or part.no_tags() for part in parts]
        edges: dict[str, list[SpanAnnotation]] = {}
        for name in _names(part.edges for part in parts):
            edges[name] = [part.edges.get(name) or part.no_edges() for part in parts]
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
        if len(self) != len(other):
            return False
        return all(one == another for one, another in zip(self, other, strict=True))

    __hash__ = None  # type: ignore[assignment]

    def blocks(self) -> Iterator[tuple[int, int]]:
        """The first passage, and the one after the last, of each run of BLOCK passages."""
        for start in range(0, len(self), BLOCK):
            yield start, min(start + BLOCK, len(self))

    def take(self, passages: np.ndarray) -> Passages:
        """The passages with these numbers, in this order."""
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
        """The same words, with the columns given in place of the old ones."""
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
        absent = np.zeros(len(self), dtype=bool)
        return WordAnnotation(absent, self.offsets, Texts.missing(len(self.words)))

    def no_edges(self) -> SpanAnnotation:
        """A span annotation that no passage has."""
        return SpanAnnotation.of([None] * len(self))

    def document_numbers(self) -> np.ndarray:
        """`(n,)` number of each passage's document, in order of appearance."""
        named = self.documents.numbers
        return offsets_of(named[1:] != named[:-1])[: len(self)]

    def _objects(self, start: int, stop: int) -> list[Passage]:
        first, last = int(self.offsets[start]), int(self.offsets[stop])
        bounds = (self.offsets[start : stop + 1] - first).tolist()
        ids, documents = self.ids.texts(start, stop), self.documents.texts(start, stop)
        words = self.words.texts(first, last)
        tags = Block(self.tags, start, stop).of_each()
        edges = Block(self.edges, start, stop).of_each()
        passages = []
        for i in range(stop - start):
            own = tuple(words[bounds[i] : bounds[i + 1]])
            passages.append(Passage(ids[i], documents[i], own, tags[i], edges[i]))
        return passages


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
            f"passage '{passage.id}' has {len(passage.words)} words "
            f"and {len(values)} values in its annotation '{name}'"
        )
    return values


def _names(annotations: Iterable[Mapping[str, object]]) -> list[str]:
    """The names of all annotations, in order of appearance."""
    names: dict[str, None] = {}
    for one in annotations:
        names.update(dict.fromkeys(one))
    return list(names)
