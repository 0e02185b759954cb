"""Edge-probing JSON lines, as jiant reads them: one text a line with labelled spans.

`{"text": "words split by spaces", "targets": [{"span1": [0, 2], "span2": [3, 4], "label": "ARG0"}], "info": {}}`
Spans are [first word, word after the last]; `span2` is for pairs. A list of labels gives as many edges. The layer
is called `targets`, or what the card's `columns.targets` says.
"""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path
from typing import Any

from probekit.corpora.passage import Edge, Passage, Span
from probekit.corpora.readers.reading import Material, Reading, Tally, read_files, read_text
from probekit.errors import CorpusError

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
            passages.append(_passage(json.loads(line), f"{path.stem}-{number}", layer))
        except json.JSONDecodeError as error:
            raise CorpusError(f"{path}:{number}: not a JSON object: {error.msg}") from error
        except (KeyError, TypeError, AttributeError) as error:
            what = f"the key {error} is missing" if isinstance(error, KeyError) else str(error)
            raise CorpusError(f"{path}:{number}: {what}, expected 'text' and 'targets' with spans") from error
        except ValueError as error:
            raise CorpusError(f"{path}:{number}: {error}") from error
    return passages


def _passage(record: dict[str, Any], name: str, layer: str) -> Passage:
    words = tuple(record["text"].split())
    if not words:
        raise ValueError("'text' has no words")
    edges = [edge for target in record["targets"] for edge in _edges(target, len(words))]
    document = str(record.get("info", {}).get("document_id", name))
    return Passage(name, document, words, {}, {layer: tuple(edges)})


def _edges(target: dict[str, Any], length: int) -> list[Edge]:
    keys = ["span1", "span2"] if target.get("span2") is not None else ["span1"]
    spans = tuple(_span(target[key], length) for key in keys)
    labels = target["label"] if isinstance(target["label"], list) else [target["label"]]
    return [Edge(spans, str(label)) for label in labels]


def _span(given: list[int], length: int) -> Span:
    start, end = given
    if not (isinstance(start, int) and isinstance(end, int) and 0 <= start < end <= length):
        raise ValueError(f"span {given} is not [first, after the last] among {length} words")
    return start, end
