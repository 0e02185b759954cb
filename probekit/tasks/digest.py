"""Digest: tells whether two questions are the same, with all their instances."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator

import numpy as np

from probekit.tasks.question import Instances, Question
from probekit.tasks.trees import TreeQuestion, Trees


def digest(question: Question | TreeQuestion) -> str:
    """sha256 of a question: with changed labels, or other trees, it is another one."""
    about = (question.task, question.classes, question.labels, question.draw)
    found = hashlib.sha256(repr(about).encode())
    for split, asked in question.splits.items():
        found.update(split.encode())
        for column in _columns(asked):
            found.update(repr((column.shape, column.dtype.str)).encode())
            found.update(np.ascontiguousarray(column).data)
    return found.hexdigest()


def _columns(asked: Instances | Trees) -> Iterator[np.ndarray]:
    """The columns of a split's instances, or of its trees; an empty one for what they lack."""
    if isinstance(asked, Trees):
        yield from (asked.heads, asked.punctuation)
        asked = asked.sentences
    nothing = np.zeros(0)
    for column in (asked.spans, asked.labels, asked.groups, asked.weights, asked.heads):
        yield nothing if column is None else column
