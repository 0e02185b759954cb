"""Digests: what a corpus is known by, whatever it is called."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from itertools import pairwise

from probekit.corpora.layers import EdgeLayer
from probekit.corpora.passages import Passages


def of_text(splits: Mapping[str, Passages]) -> str:
    """sha256 of the names of splits and documents, and of the words between their borders."""
    digest = hashlib.sha256()
    for split, passages in splits.items():
        digest.update(f"\x1d{split}".encode())
        for start, stop in passages.blocks():
            bounds = passages.offsets[start : stop + 1].tolist()
            documents = passages.documents.list(start, stop)
            words = passages.words.list(bounds[0], bounds[-1])
            first = bounds[0]
            for document, (a, b) in zip(documents, pairwise(bounds), strict=True):
                text = "\x1f".join(words[a - first : b - first])
                digest.update(f"\x1e{document}\x1c{text}".encode())
    return digest.hexdigest()


def of_labels(splits: Iterable[Passages]) -> str:
    """sha256 of every passage's layers with their names, values, labels and spans."""
    digest = hashlib.sha256()
    for passages in splits:
        for start, stop in passages.blocks():
            for parts in _labels(passages, start, stop):
                digest.update("\x1f".join(parts).encode())
    return digest.hexdigest()


def _labels(passages: Passages, start: int, stop: int) -> list[list[str]]:
    """The layers of each passage from `start` to `stop`, in texts."""
    parts: list[list[str]] = [[] for _ in range(start, stop)]
    bounds = passages.offsets[start : stop + 1]
    for name in sorted(passages.tags):
        layer = passages.tags[name]
        values = list(map(str, layer.values.list(bounds[0], bounds[-1])))
        for i, (a, b) in enumerate(pairwise((bounds - bounds[0]).tolist())):
            if layer.present[start + i]:
                parts[i] += [f"\x1d{name}", *values[a:b]]
    for name in sorted(passages.edges):
        for i, texts in enumerate(_edges(passages.edges[name], start, stop)):
            if passages.edges[name].present[start + i]:
                parts[i] += [f"\x1e{name}", *texts]
    return parts


def _edges(layer: EdgeLayer, start: int, stop: int) -> Iterator[list[str]]:
    """Labels and spans of each passage's edges, in texts."""
    for edges in layer.edges(start, stop):
        texts = []
        for edge in edges:
            texts.append(edge.label)
            texts.extend(map(str, edge.spans))
        yield texts
