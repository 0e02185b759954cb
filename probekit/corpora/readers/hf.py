"""Anything `datasets` loads that has a column of words and columns of tags: from the hub, or JSON and Parquet files.

The column of words is the first of `WORDS` there is, or what the card's `columns.words` says; every other column
of lists as long as the words becomes a word layer under its own name (`columns` renames: layer = "column"). Words given
as one text are split at spaces, and so are the other texts then. A layer of nothing but universal tags is `upos` as
well. A row is a document, unless `columns.document` names one. What a row lacks is absent there, counted and located.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import chain
from typing import TYPE_CHECKING, Any

from probekit import cache
from probekit.corpora.passage import Passage, Split
from probekit.corpora.readers.ignored import is_ignored
from probekit.corpora.readers.masks import without_masked
from probekit.corpora.readers.reading import Material, Reading, Tally
from probekit.errors import CorpusError

if TYPE_CHECKING:
    from datasets import Dataset, DatasetDict

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
UNFIT = "rows go without '{column}': it has not one value a word there"
LEFT_OUT = "rows are left out: no value a word in {columns}"
IGNORED_LABELS = "labels of '{column}' are missing values: -100 and -1 mark words to be ignored"
FORM = (
    "expected one row a sentence, with a list of words and lists of as many labels, such as "
    '{"tokens": ["a", "dog"], "tags": ["DET", "NOUN"]}'
)
NO_VALUE = frozenset({"", "_"})
_WHOLE = re.compile("-?[0-9]{1,9}")

Row = list[Any] | None  # values of a row's words, None where it has none


@dataclass
class _Split:
    """The rows of a split.

    Attributes:
        rows: as loaded.
        words: each row's words; None where they cannot be read.
        ids, documents: as `Passage` has them, row by row.
        place: where a row stands, by its number.
        values: columns that may be word layers, row by row.
    """

    rows: Dataset
    words: list[list[str] | None]
    ids: list[str]
    documents: list[str]
    place: Callable[[int], str]
    values: dict[str, list[Row]]


def read(material: Material) -> Reading:
    """Every split of a data set.

    Raises CorpusError where it cannot be loaded, or has no column of words or none that the card names.
    """
    with _bars_off():
        loaded = _load(material)
    reading = Reading()
    found: dict[Split, _Split] = {}
    for done, (split, names) in enumerate(SPLITS.items()):
        material.progress(f"reading {material.name}", done, len(SPLITS))
        for name in (name for name in names if name in loaded):
            found[split] = _split(loaded[name], split, name, material)
    layers, skipped = _layers(list(found.values()), material)
    for split, part in found.items():
        reading.splits[split] = tuple(_passages(part, layers, reading.tally))
    material.progress(f"reading {material.name}", len(SPLITS), len(SPLITS))
    if skipped:
        reading.notices.append(f"columns that are no word layer: {', '.join(sorted(skipped))}")
    return reading


def _load(material: Material) -> DatasetDict:
    import datasets

    try:
        if material.dataset:
            name, _, config = material.dataset.partition(":")
            return datasets.load_dataset(name, config or None)
        paths = {split: [str(path) for path in paths] for split, paths in material.files.items()}
        kind = "parquet" if next(iter(paths.values()))[0].endswith(".parquet") else "json"
        return datasets.load_dataset(kind, data_files=paths, cache_dir=str(cache.root() / "datasets"))
    except (OSError, ValueError, datasets.exceptions.DatasetsError) as error:
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        where = f"data set '{material.dataset}'" if material.dataset else f"'{material.name}'"
        raise CorpusError(f"cannot load {where}: {reason} (offline, give a folder of files)") from error


def _split(rows: Dataset, split: Split, name: str, material: Material) -> _Split:
    """The words of a split and the columns that may be word layers.

    Raises CorpusError where a column is missing, or the words have another form than a list or a text a sentence.
    """
    columns = dict(material.columns)
    words_at = columns.pop("words", "") or next((name for name in WORDS if name in rows.column_names), "")
    document_at = columns.pop("document", "")
    for column in (words_at, *columns.values(), *([document_at] if document_at else [])):
        if column not in rows.column_names:
            lacking = f"column '{column}'" if column else f"column of words ({', '.join(WORDS)})"
            raise CorpusError(f"'{material.name}' has no {lacking}; {_told(rows)}")
    given = rows[words_at][:]
    as_text = _are_texts(given, words_at, material.name, rows)
    values: dict[str, list[Row]] = {}
    for column, feature in rows.features.items():
        if column not in (words_at, document_at):
            labels = _labels(rows[column][:], feature, as_text)
            values |= {} if labels is None else {column: labels}
    files = material.files.get(split, ())
    where = str(files[0]) if len(files) == 1 else f"the split '{name}'"
    names = [f"{name}-{i + 1}" for i in range(len(given))]
    return _Split(
        rows=rows,
        words=[_words(row, as_text) for row in given],
        ids=names,
        documents=[str(document) for document in rows[document_at][:]] if document_at else names,
        place=lambda i: f"row {i + 1} of {where}",
        values=values,
    )


def _told(rows: Dataset) -> str:
    return f"its columns: {', '.join(rows.column_names)}; {FORM}"


def _are_texts(given: Sequence[Any], column: str, name: str, rows: Dataset) -> bool:
    """Whether words are given as texts to be split at spaces.

    Raises CorpusError where a row is a word, or the column holds something else than texts.
    """
    filled = [row for row in given if row]
    texts = [row for row in filled if isinstance(row, str)]
    if texts:
        if 2 * sum(len(text.split()) > 1 for text in texts) < len(texts):
            raise CorpusError(f"'{name}' has one row a word: column '{column}' holds '{texts[0][:40]}'; {_told(rows)}")
        return True
    if filled and not any(isinstance(row, list) and isinstance(row[0], str) for row in filled):
        raise CorpusError(f"'{name}' has no words in column '{column}'; {_told(rows)}")
    return False


def _words(row: Any, as_text: bool) -> list[str] | None:
    words = row.split() if as_text and isinstance(row, str) else row
    if not isinstance(words, list) or not words:
        return None
    return words if all(isinstance(word, str) and word.strip() for word in words) else None


def _labels(values: list[Any], feature: Any, as_text: bool) -> list[Row] | None:
    """A column row by row, class numbers by their names; None where it holds something else than labels."""
    if as_text and all(row is None or isinstance(row, str) for row in values):
        return _from_texts(values)
    inner = getattr(feature, "feature", None)
    if inner is None or not all(row is None or isinstance(row, list) for row in values):
        return None
    if hasattr(inner, "int2str"):
        return [row and [v if v is None or v < 0 else inner.int2str(v) for v in row] for row in values]
    flat = chain.from_iterable(row for row in values if row)
    if all(v is None or (isinstance(v, str | int) and not isinstance(v, bool)) for v in flat):
        return values
    return None


def _from_texts(values: list[str | None]) -> list[Row]:
    """Labels written as one text a row; numbers, where all of them are whole numbers."""
    rows = [None if row is None else row.split() for row in values]
    labels = set(chain.from_iterable(row for row in rows if row))
    if not all(map(_WHOLE.fullmatch, labels)):
        return list(rows)
    numbers = {label: int(label) if is_ignored(int(label)) else label for label in labels}
    return [row and [numbers[label] for label in row] for row in rows]


def _layers(splits: Sequence[_Split], material: Material) -> tuple[dict[str, str], set[str]]:
    """The column of each layer, and the columns that are none. A column is one where most rows have one value a word.

    Raises CorpusError for a column that the card names and that fits in no row.
    """
    named = {column: layer for layer, column in material.columns.items() if layer not in ("words", "document")}
    taken = {material.columns.get("document", "")}
    taken.add(material.columns.get("words", "") or next((w for w in WORDS if w in splits[0].rows.column_names), ""))
    columns = dict.fromkeys(column for split in splits for column in split.rows.column_names)
    layers: dict[str, str] = {}
    skipped: set[str] = set()
    for column in columns:
        if column in taken:
            continue
        fits = [_fits(split, column, i) for split in splits for i, words in enumerate(split.words) if words]
        if column in named and not any(fits):
            raise CorpusError(f"column '{column}' has not one text a word; {FORM}")
        if column in named or (fits and 2 * sum(fits) >= len(fits)):
            layers[named.get(column, column)] = column
        else:
            skipped.add(column)
    universal = [column for column in layers.values() if _is_upos(splits, column)]
    if universal:
        layers.setdefault("upos", universal[0])
    return layers, skipped


def _fits(split: _Split, column: str, i: int) -> bool:
    """Whether a row has one value a word in a column."""
    words, values = split.words[i], split.values.get(column)
    row = values[i] if values else None
    return words is not None and row is not None and len(row) == len(words)


def _is_upos(splits: Sequence[_Split], column: str) -> bool:
    rows = chain.from_iterable(split.values.get(column, ()) for split in splits)
    values = set(chain.from_iterable(row for row in rows if row)) - {None} - NO_VALUE
    return bool(values) and values <= UPOS


def _passages(split: _Split, layers: dict[str, str], tally: Tally) -> list[Passage]:
    """The rows that have words and, where there are word layers, at least one of them."""
    found: list[Passage] = []
    rows: list[int] = []
    for i, words in enumerate(split.words):
        where = split.place(i)
        if words is None:
            tally.add(EMPTY, where)
            continue
        fitting = {layer: column for layer, column in layers.items() if _fits(split, column, i)}
        lacking = [column for column in dict.fromkeys(layers.values()) if column not in fitting.values()]
        if layers and not fitting:
            tally.add(LEFT_OUT.format(columns=", ".join(f"'{column}'" for column in lacking)), where)
            continue
        for column in lacking:
            tally.add(UNFIT.format(column=column), where)
        tags = {layer: _values(split, column, i, tally) for layer, column in fitting.items()}
        found.append(Passage(split.ids[i], split.documents[i], tuple(words), tags))
        rows.append(i)
    return without_masked(found, lambda number: split.place(rows[number]), tally)


def _values(split: _Split, column: str, i: int, tally: Tally) -> tuple[str | None, ...]:
    """A row's labels as texts, None where a word has none."""
    row = split.values[column][i] or []
    tally.add(IGNORED_LABELS.format(column=column), split.place(i), sum(map(is_ignored, row)))
    return tuple(None if v is None or v in NO_VALUE or is_ignored(v) else str(v) for v in row)


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
