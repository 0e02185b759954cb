"""Edge-probing JSON lines, as jiant reads them: one text per line with labelled spans.

    {"text": "words split by spaces", "info": {},
     "targets": [{"span1": [0, 2], "span2": [3, 4], "label": "ARG0"}]}

Spans are [first word, word after the last]; `span2` is for pairs. A list of labels gives as many
edges. The annotation is called `targets`, or by the name in the card's `columns.targets`. A line or
a target that cannot be read is left out, counted and located; a file that is not JSON is an error.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

from probekit.corpora.passage import Edge, Passage, Span
from probekit.corpora.passages import Passages
from probekit.corpora.readers.ignored import NO_VALUE, is_ignored
from probekit.corpora.readers.masks import without_masked
from probekit.corpora.readers.reading import Material, Reading, Tally, read_files, read_lines
from probekit.errors import CorpusError
from probekit.foreign import json_value

ANNOTATION = "targets"
NO_TEXT = "lines are left out: no object with words in 'text'"
NO_TARGETS = "lines go without targets: they have no list 'targets'"
BAD_TARGET = "targets are left out: no object whose 'label' is a text, a number or a list of them"
BAD_SPAN = "targets are left out: a span is not [first word, word after the last] of the text"
IGNORED_LABELS = "labels are left out: -100 and -1 mark missing ones"


def read(material: Material) -> Reading:
    """Read every split of an edge-probing data set.

    Raises:
        CorpusError: with file and line, for a line that is not JSON.
    """
    annotation = material.columns.get("targets", ANNOTATION)
    return read_files(material, partial(read_file, annotation=annotation))


def read_file(path: Path, tally: Tally, *, annotation: str = ANNOTATION) -> Passages:
    """The texts of one file. Masked ones are left out and counted."""
    lines: list[int] = []

    def passages() -> Iterator[Passage]:
        for number, line in enumerate(read_lines(path), 1):
            if not line or line.isspace():
                continue
            where = f"{path}:{number}"
            try:
                record = json_value(line)
            except ValueError as error:
                expected = "expected an object with 'text' and 'targets'"
                raise CorpusError(f"{where}: {error}; {expected}") from error
            passage = _passage(record, f"{path.stem}-{number}", annotation, tally, where)
            if passage:
                lines.append(number)
                yield passage

    return without_masked(Passages.of(passages()), lambda i: f"{path}:{lines[i]}", tally)


def _passage(record: Any, name: str, annotation: str, tally: Tally, where: str) -> Passage | None:
    """The text of a line with its targets; None, and counted, if it has no words."""
    text = record.get("text") if isinstance(record, dict) else None
    words = tuple(text.split()) if isinstance(text, str) else ()
    if not words:
        tally.add(NO_TEXT, where)
        return None
    info = record.get("info")
    given = info.get("document_id") if isinstance(info, dict) else None
    document = str(given) if isinstance(given, str | int) else name
    targets = record.get("targets")
    if not isinstance(targets, list):
        tally.add(NO_TARGETS, where)
        return Passage(name, document, words)
    edges: list[Edge] = []
    for target in targets:
        edges += _edges(target, len(words), tally, where)
    return Passage(name, document, words, {}, {annotation: tuple(edges)})


def _edges(target: Any, length: int, tally: Tally, where: str) -> list[Edge]:
    """One edge per label of a target; none, and counted, if its spans or label cannot be read."""
    label = target.get("label") if isinstance(target, dict) else None
    labels = label if isinstance(label, list) else [label]
    are_labels = all(isinstance(one, str | int | float) for one in labels)
    if not isinstance(target, dict) or not are_labels:
        tally.add(BAD_TARGET, where)
        return []
    given: list[Any] = [target.get("span1")]
    if target.get("span2") is not None:
        given.append(target["span2"])
    spans = tuple(_span(pair) for pair in given if _is_span(pair, length))
    if len(spans) != len(given):
        tally.add(BAD_SPAN, where)
        return []
    tally.add(IGNORED_LABELS, where, sum(map(is_ignored, labels)))
    edges = []
    for one in labels:
        if one not in NO_VALUE and not is_ignored(one):
            edges.append(Edge(spans, str(one)))
    return edges


def _is_span(given: Any, length: int) -> bool:
    if not isinstance(given, list) or len(given) != 2:
        return False
    if not all(type(number) is int for number in given):
        return False
    return 0 <= given[0] < given[1] <= length


def _span(given: list[int]) -> Span:
    return given[0], given[1]
