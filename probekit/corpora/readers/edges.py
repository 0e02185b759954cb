"""Edge-probing JSON lines, as jiant reads them: one text a line with labelled spans.

`{"text": "words split by spaces", "targets": [{"span1": [0, 2], "span2": [3, 4], "label": "ARG0"}], "info": {}}`
Spans are [first word, word after the last]; `span2` is for pairs. A list of labels gives as many edges. The layer
is called `targets`, or what the card's `columns.targets` says.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

from probekit.corpora.passage import Edge, Passage, Span
from probekit.corpora.readers.reading import Material, Reading, Tally, read_files, read_text
from probekit.errors import CorpusError
from probekit.foreign import json_value, shortened

LAYER = "targets"


def read(material: Material) -> Reading:
    """Every split of an edge-probing data set.

    Raises CorpusError, with file and line, for a line that is not such an object.
    """
    return read_files(material, partial(read_file, layer=material.columns.get("targets", LAYER)))


def read_file(path: Path, tally: Tally, *, layer: str = LAYER) -> list[Passage]:
    """The texts of one file."""
    passages: list[Passage] = []
    for number, line in enumerate(read_text(path).split("\n"), 1):
        if not line or line.isspace():
            continue
        try:
            passages.append(_passage(json_value(line), f"{path.stem}-{number}", layer))
        except ValueError as error:
            raise CorpusError(f"{path}:{number}: {error}") from error
    return passages


def _passage(record: Any, name: str, layer: str) -> Passage:
    if not isinstance(record, dict):
        raise ValueError(f"expected an object with 'text' and 'targets', not {shortened(record)}")
    words = tuple(_typed(record, "text", str, "a text").split())
    if not words:
        raise ValueError("'text' has no words")
    edges = [edge for target in _typed(record, "targets", list, "a list") for edge in _edges(target, len(words))]
    info = _typed(record, "info", dict, "an object") if "info" in record else {}
    document = info.get("document_id", name)
    if not isinstance(document, str | int):
        raise ValueError(f"'document_id' takes a text or a number, not {shortened(document)}")
    return Passage(name, str(document), words, {}, {layer: tuple(edges)})


def _edges(target: Any, length: int) -> list[Edge]:
    if not isinstance(target, dict):
        raise ValueError(f"a target is an object with 'span1' and 'label', not {shortened(target)}")
    keys = ["span1", "span2"] if target.get("span2") is not None else ["span1"]
    spans = tuple(_span(_typed(target, key, list, "[first, after the last]"), length) for key in keys)
    label = _typed(target, "label", (str, int, float, list), "a text, a number or a list of them")
    labels = label if isinstance(label, list) else [label]
    for one in labels:
        if not isinstance(one, str | int | float):
            raise ValueError(f"'label' takes a text, a number or a list of them, not {shortened(label)}")
    return [Edge(spans, str(one)) for one in labels]


def _span(given: list[Any], length: int) -> Span:
    numbers = len(given) == 2 and all(type(end) is int for end in given)
    if not numbers or not 0 <= given[0] < given[1] <= length:
        raise ValueError(f"span {shortened(given)} is not [first, after the last] among {length} words")
    return given[0], given[1]


def _typed(table: dict[str, Any], key: str, kinds: type | tuple[type, ...], called: str) -> Any:
    """The value of a key that must be there and of one of these types."""
    if key not in table:
        raise ValueError(f"the key '{key}' is missing, expected 'text' and 'targets' with spans and labels")
    if not isinstance(table[key], kinds):
        raise ValueError(f"'{key}' takes {called}, not {shortened(table[key])}")
    return table[key]
