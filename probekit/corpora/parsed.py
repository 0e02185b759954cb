"""Parsed: corpora in the cache as their readers returned them, so that files are parsed once.

A parsed corpus is identified by what it was made from: its files and their content, the columns,
and the code that reads them. A newer one of the same name replaces it.
"""

from __future__ import annotations

import hashlib
import json
from contextlib import suppress
from functools import cache as remembered
from importlib.metadata import version
from pathlib import Path
from typing import cast

import numpy as np
import pyarrow as pa

from probekit import cache, checked, whole
from probekit.corpora.annotations import SpanAnnotation, WordAnnotation
from probekit.corpora.checksum import digest_file, digest_members
from probekit.corpora.passage import Corpus, Split
from probekit.corpora.passages import Passages
from probekit.corpora.readers.reading import Material
from probekit.corpora.texts import Texts

LEAST_BYTES = 1 << 20  # of a corpus' files together: smaller ones are parsed in no time


def folder() -> Path:
    """Where parsed corpora are stored."""
    return cache.root() / "parsed"


def path_for(name: str, reader: str, material: Material) -> Path | None:
    """Where the corpus `name`, as `reader` reads it, is stored; None for small files and data sets
    of the hub.

    Raises:
        OSError: if a file cannot be read.
    """
    files = [(split, path) for split, paths in material.files.items() for path in paths]
    if material.dataset or sum(path.stat().st_size for _, path in files) < LEAST_BYTES:
        return None
    made_from = {
        "names": [name, material.name],  # warnings contain them
        "reader": reader,
        "code": _code(),
        "columns": dict(material.columns),
        "files": [(split, str(path), digest_file(path)) for split, path in files],
        "archive": digest_members(material.archive),
    }
    key = hashlib.sha256(json.dumps(made_from, sort_keys=True).encode()).hexdigest()
    return folder() / f"{_named(name)}-{key[:32]}.arrow"


def read(path: Path, name: str) -> Corpus | None:
    """The corpus stored at `path`, under the name `name`; None if there is none or its checksum is
    wrong."""
    content = checked.read(path)
    if content is None:
        return None
    table = pa.ipc.open_stream(pa.py_buffer(content)).read_all()
    described = json.loads(table.schema.metadata[b"corpus"])
    columns = {column: table[column].chunk(0).values for column in table.column_names}
    splits: dict[Split, Passages] = {}
    for split, (tag_names, edge_names) in described["splits"].items():
        splits[split] = _passages(columns, split, tag_names, edge_names)
    return Corpus(name, splits, warnings=tuple(described["warnings"]))


def write(path: Path, corpus: Corpus) -> None:
    """Store `corpus` at `path`, in place of others of its name. Without permission to write it does
    nothing: the corpus is parsed again next time."""
    columns: dict[str, pa.Array] = {}
    names: dict[Split, tuple[list[str], list[str]]] = {}
    for split, passages in corpus.splits.items():
        columns |= _columns(passages, split)
        names[split] = (list(passages.tags), list(passages.edges))
    described = json.dumps({"splits": names, "warnings": corpus.warnings})
    lists = [pa.LargeListArray.from_arrays([0, len(column)], column) for column in columns.values()]
    table = pa.table(lists, names=list(columns)).replace_schema_metadata({"corpus": described})
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as stream:
        stream.write_table(table)
    content = sink.getvalue()
    with suppress(OSError):
        checked.write(path, content)
        for other in whole.inside(path.parent, f"{_named(corpus.name)}-*"):
            if other != path:
                other.unlink(missing_ok=True)


def remove() -> None:
    """Delete every parsed corpus. Files that cannot be deleted stay."""
    checked.remove(folder(), "*.arrow")


def _named(name: str) -> str:
    return hashlib.sha256(name.encode()).hexdigest()[:16]


@remembered
def _code() -> str:
    """sha256 of the code that reads corpora, with the modules at the top that it uses."""
    digest = hashlib.sha256(version("conllu").encode())
    room = Path(__file__).parent
    for path in sorted([*room.rglob("*.py"), *room.parent.glob("*.py")]):
        digest.update(path.read_bytes())
    return digest.hexdigest()


def _columns(passages: Passages, split: str) -> dict[str, pa.Array]:
    """Every column of a split, by its path `SPLIT/PART…`."""
    texts = {"ids": passages.ids, "documents": passages.documents, "words": passages.words}
    arrays = {"offsets": passages.offsets}
    for number, tags in enumerate(passages.tags.values()):
        arrays[f"tags{number}/present"] = tags.present
        texts[f"tags{number}/values"] = tags.values
    for number, edges in enumerate(passages.edges.values()):
        parts = {"present": edges.present, "offsets": edges.offsets, "arities": edges.arities}
        for part, array in {**parts, "spans": edges.spans.reshape(-1)}.items():
            arrays[f"edges{number}/{part}"] = array
        texts[f"edges{number}/labels"] = edges.labels
    found = {f"{split}/{part}": pa.array(array) for part, array in arrays.items()}
    for part, values in texts.items():
        found[f"{split}/{part}/numbers"] = pa.array(values.numbers)
        found[f"{split}/{part}/vocabulary"] = values.vocabulary
    return found


def _passages(
    columns: dict[str, pa.Array], split: str, tag_names: list[str], edge_names: list[str]
) -> Passages:
    def array(part: str) -> np.ndarray:
        return columns[f"{split}/{part}"].to_numpy(zero_copy_only=False)

    def texts(part: str) -> Texts:
        vocabulary = cast("pa.LargeStringArray", columns[f"{split}/{part}/vocabulary"])
        return Texts(array(f"{part}/numbers"), vocabulary)

    offsets = array("offsets")
    tags: dict[str, WordAnnotation] = {}
    for number, name in enumerate(tag_names):
        tags[name] = WordAnnotation(
            array(f"tags{number}/present"), offsets, texts(f"tags{number}/values")
        )
    edges: dict[str, SpanAnnotation] = {}
    for number, name in enumerate(edge_names):
        place = f"edges{number}"
        edges[name] = SpanAnnotation(
            present=array(f"{place}/present"),
            offsets=array(f"{place}/offsets"),
            arities=array(f"{place}/arities"),
            spans=array(f"{place}/spans").reshape(-1, 2),
            labels=texts(f"{place}/labels"),
        )
    return Passages(texts("ids"), texts("documents"), offsets, texts("words"), tags, edges)
