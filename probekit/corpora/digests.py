"""Digests: checksums that identify a corpus whatever its name."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from functools import lru_cache
from itertools import pairwise

import numpy as np

from probekit.corpora.annotations import SpanAnnotation
from probekit.corpora.passage import Split
from probekit.corpora.passages import Passages
from probekit.corpora.runs import offsets_of


def of_text(splits: Mapping[Split, Passages]) -> str:
    """sha256 of the names of splits and documents, and of the words between their borders."""
    digest = hashlib.sha256()
    for split, passages in splits.items():
        digest.update(f"\x1d{split}".encode())
        for start, stop in passages.blocks():
            bounds = passages.offsets[start : stop + 1]
            words = passages.words.texts(bounds[0], bounds[-1])
            borders = pairwise((bounds - bounds[0]).tolist())
            documents = passages.documents.texts(start, stop)
            for document, (a, b) in zip(documents, borders, strict=True):
                text = "\x1f".join(words[a:b])
                digest.update(f"\x1e{document}\x1c{text}".encode())
    return digest.hexdigest()


def of_labels(splits: Iterable[Passages]) -> str:
    """sha256 of every passage's annotations with their names, values, labels and spans."""
    digest = hashlib.sha256()
    for passages in splits:
        for start, stop in passages.blocks():
            for parts in _labels(passages, start, stop):
                digest.update("\x1f".join(parts).encode())
    return digest.hexdigest()


def _labels(passages: Passages, start: int, stop: int) -> list[list[str]]:
    """The annotations of each passage from `start` to `stop`, as texts."""
    parts: list[list[str]] = [[] for _ in range(start, stop)]
    for name in sorted(passages.tags):
        annotation = passages.tags[name]
        values = annotation.objects(start, stop)
        for i in np.flatnonzero(annotation.present[start:stop]).tolist():
            parts[i] += [f"\x1d{name}", *map(str, values[i])]
    for name in sorted(passages.edges):
        texts = _edges(passages.edges[name], start, stop)
        for i in np.flatnonzero(passages.edges[name].present[start:stop]).tolist():
            parts[i] += [f"\x1e{name}", *texts[i]]
    return parts


def _edges(annotation: SpanAnnotation, start: int, stop: int) -> list[list[str]]:
    """Labels and spans of each passage's edges, as texts: each label before its spans."""
    first, last = annotation.offsets[start], annotation.offsets[stop]
    labels = annotation.labels.texts(first, last)
    spans = annotation.spans_of(start, stop)
    places = offsets_of(annotation.arities[first:last].astype(np.int64) + 1)
    texts = np.empty(places[-1], dtype=object)
    is_label = np.zeros(places[-1], dtype=bool)
    is_label[places[:-1]] = True
    texts[is_label] = labels
    texts[~is_label] = list(map(_span, spans[:, 0].tolist(), spans[:, 1].tolist()))
    row = texts.tolist()
    borders = places[annotation.offsets[start : stop + 1] - first].tolist()
    return [row[a:b] for a, b in pairwise(borders)]


@lru_cache(maxsize=65_536)
def _span(start: int, end: int) -> str:
    return f"({start}, {end})"
