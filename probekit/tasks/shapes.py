"""Shapes: how a layer of annotation becomes labelled spans; one function a shape."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cache
from itertools import groupby

from probekit.corpora.passage import Corpus, Passage, Span
from probekit.corpora.readers.ignored import MISSING
from probekit.errors import TaskError
from probekit.tasks.pairs import mention_pairs
from probekit.tasks.task import Task


@dataclass
class Labelled:
    """Labelled spans in columns, in the order of their passages.

    Attributes:
        passages: the number, in the split, of the passage each stands in.
        spans: each one's spans; offsets count from the first word of that passage.
        labels: each one's label.
    """

    passages: list[int] = field(default_factory=list)
    spans: list[tuple[Span, ...]] = field(default_factory=list)
    labels: list[str] = field(default_factory=list)

    def extend(self, passage: int, spans: Sequence[tuple[Span, ...]], labels: Sequence[str]) -> None:
        """Add the labelled spans of one passage."""
        self.passages.extend([passage] * len(labels))
        self.spans.extend(spans)
        self.labels.extend(labels)


def carries(task: Task, corpus: Corpus) -> bool:
    """Whether the corpus has the annotation the task reads."""
    if task.shape != "word":
        return task.layer in corpus.edge_layers
    column, _, feature = task.layer.partition(".")
    if task.layer in corpus.tag_layers or not feature:
        return task.layer in corpus.tag_layers
    values = (value for passage in corpus.passages() for value in passage.tags.get(column, ()))
    return any(value is not None and read_feature(value, feature) is not None for value in values)


def read_feature(value: str, feature: str) -> str | None:
    """`Sing` for the feature `Number` of `Case=Nom|Number=Sing`; None where the word has no such feature
    or its value says that there is none."""
    for pair in value.split("|"):
        name, equals, content = pair.partition("=")
        if name == feature and equals:
            return None if content in MISSING else content
    return None


def words(task: Task, passages: Sequence[Passage]) -> Labelled:
    """Every word that has a value in the layer."""
    found = Labelled()
    for number, passage in enumerate(passages):
        labelled = [(i, value) for i, value in enumerate(_values(task.layer, passage)) if value is not None]
        found.extend(number, [_one_word(i) for i, _ in labelled], [value for _, value in labelled])
    return found


@cache
def _one_word(i: int) -> tuple[Span, ...]:
    return ((i, i + 1),)


def edges(task: Task, passages: Sequence[Passage]) -> Labelled:
    """Every labelled span (shape `span`), or ordered pair of spans (shape `arc`), of the layer."""
    found = Labelled()
    for number, passage in enumerate(passages):
        layer = passage.edges.get(task.layer, ())
        found.extend(number, [edge.spans for edge in layer], [edge.label for edge in layer])
    arity = task.arity
    odd = next((i for i, spans in enumerate(found.spans) if len(spans) != arity), None)
    if odd is not None:
        raise TaskError(
            f"task '{task.name}' has shape '{task.shape}', {arity} span(s) an instance, but layer "
            f"'{task.layer}' has {len(found.spans[odd])} in passage {passages[found.passages[odd]].id}"
        )
    return found


def pairs(task: Task, passages: Sequence[Passage]) -> Labelled:
    """Pairs of mentions of one document, coreferent (`same`) or not (`different`), see `tasks.pairs`."""
    found = Labelled()
    start = 0
    for _, document in groupby(passages, key=lambda passage: passage.document):
        members = list(document)
        labelled = mention_pairs(members, task.layer)
        found.extend(start, [pair for pair, _ in labelled], [label for _, label in labelled])
        start += len(members)
    return found


def _values(layer: str, passage: Passage) -> Iterator[str | None]:
    column, _, feature = layer.partition(".")
    if layer in passage.tags or not feature:
        yield from passage.tags.get(layer, ())
        return
    for value in passage.tags.get(column, ()):
        yield None if value is None else read_feature(value, feature)


SHAPES: dict[str, Callable[[Task, Sequence[Passage]], Labelled]] = {
    "word": words,
    "span": edges,
    "arc": edges,
    "pair": pairs,
}
