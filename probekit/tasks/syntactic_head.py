"""Syntactic head: the word of a span that its other words depend on.

It is the word nearest to the root of the sentence, and of equally near ones the first. So its own
head lies outside the span, and if only one word's does, it is that word.
"""

from __future__ import annotations

import numpy as np

from probekit.corpora.annotations import SpanAnnotation
from probekit.corpora.passage import Corpus, Split
from probekit.errors import TaskError
from probekit.tasks.task import Task

DEPENDENCIES = "dependencies"


def head_words(spans: np.ndarray, task: Task, corpus: Corpus, split: Split) -> np.ndarray:
    """The syntactic head of each span.

    Args:
        spans: `(n, arity, 2)` first word and word after the last, as positions in the split.
        task: the task, for messages.
        corpus: its dependencies are read.
        split: that the spans are in.

    Returns:
        `(n, arity)` positions in the split.

    Raises:
        TaskError: where a passage of the split has no dependencies, or they do not link words.
    """
    passages = corpus.splits[split]
    annotation = passages.edges.get(DEPENDENCIES)
    n_without = len(passages) if annotation is None else int((~annotation.present).sum())
    if annotation is None or n_without:
        raise TaskError(
            f"task '{task.name}': span 'head' reads dependencies, which {n_without:,} of "
            f"{len(passages):,} passages in the {split} split of '{corpus.name}' lack: take "
            "another span, such as 'attention'"
        )
    if not _links_words(annotation):
        raise TaskError(
            f"task '{task.name}': span 'head' reads dependencies between words, but those of "
            f"'{corpus.name}' link longer spans, or single ones: take another span"
        )
    return _nearest_to_the_root(
        spans.reshape(-1, 2), _depths(annotation, passages.offsets)
    ).reshape(spans.shape[:2])


def _links_words(annotation: SpanAnnotation) -> bool:
    lengths = annotation.spans[:, 1] - annotation.spans[:, 0]
    return bool((annotation.arities == 2).all() and (lengths == 1).all())


def _depths(annotation: SpanAnnotation, offsets: np.ndarray) -> np.ndarray:
    """How many dependencies lie between each word and its root, `(words,)`."""
    passage = np.repeat(np.arange(len(offsets) - 1), np.diff(annotation.offsets))
    positions = annotation.spans[:, 0].reshape(-1, 2) + offsets[passage][:, None]
    head_of = np.full(int(offsets[-1]), -1, dtype=np.int64)
    # Of several heads the first one counts.
    head_of[positions[::-1, 1]] = positions[::-1, 0]
    depths = np.zeros(len(head_of), dtype=np.int64)
    ancestor = head_of.copy()
    longest = int(np.diff(offsets).max(initial=0))
    for _ in range(longest):  # and no further: words of a cycle have no root
        has_ancestor = ancestor >= 0
        if not has_ancestor.any():
            break
        depths[has_ancestor] += 1
        ancestor[has_ancestor] = head_of[ancestor[has_ancestor]]
    return depths


def _nearest_to_the_root(spans: np.ndarray, depths: np.ndarray) -> np.ndarray:
    """The first of the words with the least depth in each span `(n, 2)`: `(n,)`."""
    if not len(spans):
        return np.zeros(0, dtype=np.int64)
    lengths = spans[:, 1] - spans[:, 0]
    first = np.cumsum(lengths) - lengths
    words = np.repeat(spans[:, 0] - first, lengths) + np.arange(int(lengths.sum()))
    # Depth and position as one number: the least one has the least depth, and then comes first.
    keys = depths[words] * len(depths) + words
    return np.asarray(np.minimum.reduceat(keys, first) % len(depths))
