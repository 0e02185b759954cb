"""Shapes: how an annotation becomes labelled spans; one function per shape."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import groupby

import numpy as np

from probekit.corpora.annotations import WordAnnotation
from probekit.corpora.passage import Corpus
from probekit.corpora.passages import Passages
from probekit.corpora.readers.ignored import MISSING
from probekit.corpora.runs import offsets_of
from probekit.corpora.texts import NONE, Texts
from probekit.errors import TaskError
from probekit.tasks.pairs import Pair, mention_pairs
from probekit.tasks.task import Task


@dataclass(frozen=True, eq=False)
class Labelled:
    """Labelled spans in columns, in the order of their passages.

    Attributes:
        passages: `(n,)` number of the passage in the split.
        spans: `(n, arity, 2)` first word and word after the last, counted from the first word of
            that passage.
        labels: `(n,)` the labels.
    """

    passages: np.ndarray
    spans: np.ndarray
    labels: Texts


def carries(task: Task, corpus: Corpus) -> bool:
    """Whether the corpus has the annotation that the task reads."""
    if task.shape == "text":
        return True
    if task.shape != "word" and not (task.is_behaviour and "." in task.annotation):
        return task.annotation in corpus.span_annotations
    if task.annotation in corpus.word_annotations:
        return True
    column, _, feature = task.annotation.partition(".")
    if not feature:
        return False
    return any(_has_feature(passages, column, feature) for passages in corpus.splits.values())


def _has_feature(passages: Passages, column: str, feature: str) -> bool:
    if column not in passages.tags:
        return False
    values = passages.tags[column].values.kinds()
    return any(read_feature(value, feature) is not None for value in values)


def features(column: str, corpus: Corpus) -> set[str]:
    """Names of the features in a word annotation, as in `Case=Nom|Number=Sing`."""
    found: set[str] = set()
    for passages in corpus.splits.values():
        if column not in passages.tags:
            continue
        for value in passages.tags[column].values.kinds():
            pairs = [pair.partition("=") for pair in value.split("|")]
            found.update(name for name, equals, _ in pairs if equals)
    return found


def read_feature(value: str, feature: str) -> str | None:
    """`Sing` for the feature `Number` of `Case=Nom|Number=Sing`; None if the word has no such
    feature, or a missing value for it."""
    for pair in value.split("|"):
        name, equals, content = pair.partition("=")
        if name == feature and equals:
            return None if content in MISSING else content
    return None


def words(task: Task, passages: Passages) -> Labelled:
    """Every word that has a value in the annotation."""
    values = _values(task.annotation, passages)
    labelled = np.flatnonzero(values.numbers != NONE)
    passage = np.repeat(np.arange(len(passages)), np.diff(passages.offsets))[labelled]
    start = labelled - passages.offsets[passage]
    spans = np.stack([start, start + 1], axis=-1)[:, None]
    return Labelled(passage, spans, values.take(labelled))


def edges(task: Task, passages: Passages) -> Labelled:
    """Every labelled span (shape `span`), or ordered pair of spans (shape `arc`), of the
    annotation."""
    annotation = passages.edges.get(task.annotation) or passages.no_edges()
    passage = np.repeat(np.arange(len(passages)), np.diff(annotation.offsets))
    unfit = np.flatnonzero(annotation.arities != task.arity)
    if len(unfit):
        first = passages[int(passage[unfit[0]])]
        raise TaskError(
            f"task '{task.name}' has shape '{task.shape}', {task.arity} span(s) per instance, but "
            f"the annotation '{task.annotation}' has {annotation.arities[unfit[0]]} "
            f"in passage {first.id}"
        )
    return Labelled(passage, annotation.spans.reshape(-1, task.arity, 2), annotation.labels)


def sentences(task: Task, passages: Passages) -> Labelled:
    """Every label of a whole sentence: the annotation's spans over all words of their passage."""
    annotation = passages.edges.get(task.annotation) or passages.no_edges()
    passage = np.repeat(np.arange(len(passages)), np.diff(annotation.offsets))
    first = offsets_of(annotation.arities)[:-1]
    spans = annotation.spans[first]
    whole = (annotation.arities == 1) & (spans[:, 0] == 0)
    whole &= spans[:, 1] == np.diff(passages.offsets)[passage]
    found = np.flatnonzero(whole)
    return Labelled(passage[found], spans[found][:, None], annotation.labels.take(found))


def pairs(task: Task, passages: Passages) -> Labelled:
    """Pairs of mentions of one document, coreferent (`same`) or not (`different`).

    See `tasks.pairs`.
    """
    starts: list[int] = []
    spans: list[Pair] = []
    labels: list[str] = []
    start = 0
    for _, document in groupby(passages, key=lambda passage: passage.document):
        members = list(document)
        labelled = mention_pairs(members, task.annotation)
        starts += [start] * len(labelled)
        spans += [pair for pair, _ in labelled]
        labels += [label for _, label in labelled]
        start += len(members)
    return Labelled(
        np.array(starts, dtype=np.int64),
        np.array(spans, dtype=np.int64).reshape(-1, 2, 2),
        Texts.of(labels),
    )


def _values(annotation: str, passages: Passages) -> Texts:
    """Each word's value in an annotation, or in a feature of it, as in `feats.Number`."""
    column, _, feature = annotation.partition(".")
    own, source = passages.tags.get(annotation), passages.tags.get(column)
    found = _feature(source, feature) if feature and source else Texts.missing(len(passages.words))
    if own is None:
        return found
    if own.present.all():
        return own.values
    both = Texts.joined([own.values, found])
    has_own = np.repeat(own.present, np.diff(passages.offsets))
    return both.take(np.arange(len(has_own)) + np.where(has_own, 0, len(has_own)))


def _feature(annotation: WordAnnotation, feature: str) -> Texts:
    """The values of one feature."""
    values = [read_feature(value, feature) for value in annotation.values.vocabulary.to_pylist()]
    kinds = Texts.of([*values, None], optional=True)  # index -1, which is NONE, finds None
    return kinds.take(annotation.values.numbers)


SHAPES: dict[str, Callable[[Task, Passages], Labelled]] = {
    "word": words,
    "span": edges,
    "arc": edges,
    "pair": pairs,
    "sentence": sentences,
}
