"""Anything `datasets` loads that has a column of words and columns of tags: from the hub, or JSON and Parquet files.

The column of words is the first of `WORDS` there is, or what the card's `columns.words` says; every other column
of lists as long as the words becomes a word layer under its own name (`columns` renames: layer = "column").
A layer of nothing but universal tags is `upos` as well. A row is a document, unless `columns.document` names one.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from probekit.corpora.passage import Passage, Split
from probekit.corpora.readers.local import read_rows
from probekit.corpora.readers.reading import Material, Reading, Tally
from probekit.errors import CorpusError

if TYPE_CHECKING:
    from datasets import Dataset

WORDS = ("tokens", "words", "form", "forms", "token")
SPLITS: dict[Split, tuple[str, ...]] = {
    "train": ("train",),
    "dev": ("validation", "dev", "valid", "val"),
    "test": ("test",),
}
UPOS = {
    "ADJ", "ADP", "ADV", "AUX", "CCONJ", "DET", "INTJ", "NOUN", "NUM", "PART", "PRON", "PROPN", "PUNCT", "SCONJ",
    "SYM", "VERB", "X",
}  # fmt: skip
EMPTY = "rows are left out: they have no words, or an empty one"


def read(material: Material) -> Reading:
    """Every split of a data set.

    Raises CorpusError where it cannot be loaded, or has no column of words or none that the card names.
    """
    with _bars_off():
        loaded = _load(material)
    reading = Reading()
    skipped: set[str] = set()
    for done, (split, names) in enumerate(SPLITS.items()):
        material.progress(f"reading {material.name}", done, len(SPLITS))
        for name in (name for name in names if name in loaded):
            reading.splits[split] = _passages(loaded[name], name, material, reading.tally, skipped)
    material.progress(f"reading {material.name}", len(SPLITS), len(SPLITS))
    if skipped:
        reading.notices.append(f"columns that are no word layer: {', '.join(sorted(skipped))}")
    return reading


def _load(material: Material) -> Mapping[str, Dataset]:
    """The splits by name: of local files, or of a data set of the hub, checked by `datasets` as it is prepared."""
    import datasets

    if not material.dataset:
        return {split: read_rows(paths) for split, paths in material.files.items()}
    name, _, config = material.dataset.partition(":")
    try:
        return datasets.load_dataset(name, config or None)
    except (OSError, ValueError, datasets.exceptions.DatasetsError) as error:
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        where = f"data set '{material.dataset}'"
        raise CorpusError(f"cannot load {where}: {reason} (offline, give a folder of files)") from error


def _passages(rows: Dataset, split: str, material: Material, tally: Tally, skipped: set[str]) -> tuple[Passage, ...]:
    columns = dict(material.columns)
    words_at = columns.pop("words", "") or next((name for name in WORDS if name in rows.column_names), "")
    document_at = columns.pop("document", "")
    for name in (words_at, *columns.values(), *([document_at] if document_at else [])):
        if name not in rows.column_names:
            lacking = f"column '{name}'" if name else f"column of words ({', '.join(WORDS)})"
            raise CorpusError(f"'{material.name}' has no {lacking}; its columns: {', '.join(rows.column_names)}")
    words = rows[words_at][:]
    layers = _layers(rows, words, {words_at, document_at}, columns, skipped)
    documents = rows[document_at][:] if document_at else None
    found = []
    for i, row in enumerate(words):
        if not isinstance(row, list) or not row or not all(isinstance(word, str) and word.strip() for word in row):
            tally[EMPTY] += 1
            continue
        tags = {name: tuple(values[i]) for name, values in layers.items()}
        name = f"{split}-{i + 1}"
        found.append(Passage(name, str(documents[i]) if documents else name, tuple(row), tags))
    return tuple(found)


def _layers(
    rows: Dataset, words: list[list[str]], taken: set[str], columns: dict[str, str], skipped: set[str]
) -> dict[str, list[list[str | None]]]:
    """Values of every word layer, row by row."""
    names = {column: layer for layer, column in columns.items()}
    layers: dict[str, list[list[str | None]]] = {}
    for column, feature in rows.features.items():
        if column in taken:
            continue
        values = _texts(rows[column][:], feature)
        if values is None or [len(v) for v in values] != [len(w) if isinstance(w, list) else 0 for w in words]:
            if column in names:
                raise CorpusError(f"column '{column}' has not one text a word")
            skipped.add(column)
            continue
        layers[names.get(column, column)] = values
    if "upos" not in layers:
        for values in list(layers.values()):
            if {value for row in values for value in row} - {None, "_"} <= UPOS:
                layers["upos"] = values
                break
    return layers


def _texts(values: list[Any], feature: Any) -> list[list[str | None]] | None:
    """A column's lists as texts, class numbers by their names; None where it holds something else."""
    inner = getattr(feature, "feature", None)
    if inner is None or not all(isinstance(row, list) for row in values):
        return None
    if hasattr(inner, "int2str"):
        try:
            return [[None if v is None or v < 0 else inner.int2str(v) for v in row] for row in values]
        except ValueError as error:
            raise CorpusError(f"a class number without a name, of {len(inner.names):,} classes: {error}") from error
    if all(v is None or (isinstance(v, str | int) and not isinstance(v, bool)) for row in values for v in row):
        return [[None if v is None else str(v) for v in row] for row in values]
    return None


@contextmanager
def _bars_off() -> Iterator[None]:
    """A library does not print: `datasets` shows no progress bars meanwhile."""
    import datasets

    were_on = not datasets.are_progress_bars_disabled()
    datasets.disable_progress_bars()
    try:
        yield
    finally:
        if were_on:
            datasets.enable_progress_bars()
