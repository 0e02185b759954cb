"""Tables that have a column of words and columns of labels: JSON and Parquet files, or a data set
of the hub.

The column of words is the card's `columns.words`, or else the first of `WORDS` that exists. Every
other column of lists as long as the words becomes a word annotation of the same name (`columns`
renames: annotation = "column"). Words given as one text are split at spaces, and then so are labels
given as one text. An annotation whose values are all universal tags is `upos` as well. Each row is
a document, unless `columns.document` names a column of documents. What a row lacks is absent there,
counted and located.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any

from probekit.corpora.passage import Passage, Split
from probekit.corpora.passages import Passages
from probekit.corpora.readers.ignored import IGNORED_LABELS, NO_VALUE, from_texts, is_ignored
from probekit.corpora.readers.masks import without_masked
from probekit.corpora.readers.reading import Material, Reading, Tally
from probekit.corpora.readers.rows import Rows, hub_rows, read_rows
from probekit.errors import CorpusError
from probekit.foreign import shortened

WORDS = ("tokens", "words", "form", "forms", "token")
SPLITS: dict[Split, tuple[str, ...]] = {
    "train": ("train",),
    "dev": ("validation", "dev", "valid", "val"),
    "test": ("test",),
}
UPOS = {
    "ADJ", "ADP", "ADV", "AUX", "CCONJ", "DET", "INTJ", "NOUN", "NUM", "PART", "PRON", "PROPN",
    "PUNCT", "SCONJ", "SYM", "VERB", "X",
}  # fmt: skip
EMPTY = "rows are left out: they have no words, or an empty one"
UNFIT = "rows go without '{column}': it does not have one label per word there"
LEFT_OUT = "rows are left out: not one label per word in {columns}"
FORM = (
    "expected one row per sentence, with a list of words and lists of as many labels, such as "
    '{"tokens": ["a", "dog"], "tags": ["DET", "NOUN"]}'
)
SHOWN = 20  # most columns in a message

Label = str | int | None
Row = list[Label] | None  # labels of a row's words, None for a row without labels


@dataclass
class _Split:
    """The rows of a split.

    Attributes:
        rows: the table.
        words: each row's words; None if they cannot be read.
        documents: the document of each row; empty if every row is a document.
        name: the split's name in the table.
        labels: columns that may be word annotations, row by row.
    """

    rows: Rows
    words: list[list[str] | None]
    documents: list[str]
    name: str
    labels: dict[str, list[Row]]


@dataclass(frozen=True)
class _Columns:
    """The columns of words and documents; `document` is empty if every row is a document."""

    words: str
    document: str


def read(material: Material) -> Reading:
    """Read every split of a data set.

    Raises:
        CorpusError: if it cannot be loaded, or lacks a column of words or a column in the card.
    """
    return read_tables(_load(material), material)


def read_tables(loaded: Mapping[str, Rows], material: Material) -> Reading:
    """Read the table of each split, by its name: see `read`."""
    reading = Reading()
    found: dict[Split, _Split] = {}
    for done, (split, names) in enumerate(SPLITS.items()):
        material.progress(f"reading {material.name}", done, len(SPLITS))
        for name in (*names, split):
            if name in loaded:
                found[split] = _split(loaded[name], name, material)
    annotations, skipped = _annotations(list(found.values()), material)
    for split, part in found.items():
        reading.splits[split] = _passages(part, annotations, reading.tally)
    material.progress(f"reading {material.name}", len(SPLITS), len(SPLITS))
    if skipped:
        form = "" if annotations else f"; {FORM}"
        reading.warnings.append(
            f"columns without one label per word, not read: {_listed(sorted(skipped))}{form}"
        )
    return reading


def _load(material: Material) -> Mapping[str, Rows]:
    """The table of each split, by its name."""
    if not material.dataset:
        return {split: read_rows(paths) for split, paths in material.files.items()}
    return hub_rows(material.dataset)


def _columns(rows: Rows, material: Material) -> _Columns:
    """Find the columns of words and documents. Raises CorpusError if a column is missing."""
    named = dict(material.columns)
    words = named.pop("words", "") or next((name for name in WORDS if name in rows.columns), "")
    document = named.pop("document", "")
    for column in (words, *named.values(), *([document] if document else [])):
        if column not in rows.columns:
            lacking = f"column '{column}'" if column else f"column of words ({', '.join(WORDS)})"
            raise CorpusError(f"'{material.name}' has no {lacking}; {_help(rows)}")
    return _Columns(words, document)


def _split(rows: Rows, name: str, material: Material) -> _Split:
    """The words of a split, and the columns that may be word annotations.

    Raises:
        CorpusError: if a column is missing, or the words are neither one list nor one text per
            sentence.
    """
    columns = _columns(rows, material)
    given = rows.columns[columns.words]
    as_text = _are_texts(given, columns.words, material.name, rows)
    labels: dict[str, list[Row]] = {}
    for column, values in rows.columns.items():
        if column not in (columns.words, columns.document):
            labels[column] = _labels(values, rows.classes.get(column), as_text)
    documents = rows.columns[columns.document] if columns.document else []
    return _Split(
        rows=rows,
        words=[_words(row, as_text) for row in given],
        documents=[shortened(document, 200) for document in documents],
        name=name,
        labels=labels,
    )


def _help(rows: Rows) -> str:
    return f"its columns: {_listed(list(rows.columns))}; {FORM}"


def _listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - SHOWN:,} more" if len(names) > SHOWN else ""
    return ", ".join(map(shortened, names[:SHOWN])) + more


def _are_texts(given: Sequence[Any], column: str, name: str, rows: Rows) -> bool:
    """Whether each row's words are one text, to be split at spaces.

    Raises:
        CorpusError: if a row is one word, or the column holds neither lists nor texts.
    """
    filled = [row for row in given if row]
    lists = sum(isinstance(row, list) and isinstance(row[0], str) for row in filled)
    texts = [row for row in filled if isinstance(row, str)]
    if filled and not lists and not texts:
        raise CorpusError(f"'{name}' has no words in column '{column}'; {_help(rows)}")
    if len(texts) <= lists:
        return False
    if 2 * sum(len(text.split()) > 1 for text in texts) < len(texts):
        example = shortened(texts[0], 40)
        raise CorpusError(
            f"'{name}' has one row per word: column '{column}' holds '{example}'; {_help(rows)}"
        )
    return True


def _words(row: Any, as_text: bool) -> list[str] | None:
    words = row.split() if as_text and isinstance(row, str) else row
    if not isinstance(words, list) or not words:
        return None
    return words if all(isinstance(word, str) and word.strip() for word in words) else None


def _labels(values: list[Any], classes: list[str] | None, as_text: bool) -> list[Row]:
    """The labels of each row of a column, with names for class numbers; None for rows that hold
    anything else."""
    if as_text and any(isinstance(row, str) for row in values):
        return _from_texts(values)
    return [_row(row, classes) for row in values]


def _row(row: Any, classes: list[str] | None) -> Row:
    if not isinstance(row, list):
        return None
    if classes is not None:
        return _class_names(row, classes)
    return row if all(map(_is_label, row)) else _as_whole(row)


def _is_label(value: Any) -> bool:
    return value is None or isinstance(value, str | int)


def _as_whole(row: list[Any]) -> Row:
    """A row of whole numbers written with decimal points, NaN as None; None for any other row."""
    found: list[Label] = []
    for value in row:
        if isinstance(value, float) and (value.is_integer() or math.isnan(value)):
            found.append(int(value) if value.is_integer() else None)
        elif _is_label(value):
            found.append(value)
        else:
            return None
    return found


def _class_names(row: list[Any], classes: list[str]) -> Row:
    """The names of class numbers, negative ones unchanged; None if one has no name."""
    found: list[Label] = []
    for value in row:
        if value is None or (isinstance(value, int) and value < 0):
            found.append(value)
        elif isinstance(value, int) and value < len(classes):
            found.append(classes[value])
        else:
            return None
    return found


def _from_texts(values: list[Any]) -> list[Row]:
    """Labels written as one text per row; if all are whole numbers, -100 and -1 become numbers."""
    rows = [row.split() if isinstance(row, str) else None for row in values]
    labels = from_texts(set(chain.from_iterable(row for row in rows if row)))
    found: list[Row] = []
    for row in rows:
        found.append(None if row is None else [labels[label] for label in row])
    return found


def _annotations(splits: Sequence[_Split], material: Material) -> tuple[dict[str, str], set[str]]:
    """The column of each annotation, and the columns that are not annotations.

    A column is one if most of the rows that have it hold one label per word.

    Raises:
        CorpusError: for a column in the card that does not fit the words of any row.
    """
    annotations: dict[str, str] = {}
    skipped: set[str] = set()
    others = ("words", "document")
    named = {column: name for name, column in material.columns.items() if name not in others}
    for column in dict.fromkeys(column for split in splits for column in split.labels):
        given = fits = 0
        for split in splits:
            for i, values in enumerate(split.rows.columns.get(column, ())):
                given += values is not None and split.words[i] is not None
                fits += _fits(split, column, i)
        if column in named and not fits:
            raise CorpusError(f"column '{column}' does not have one label per word; {FORM}")
        if column in named or (fits and 2 * fits >= given):
            annotations[named.get(column, column)] = column
        else:
            skipped.add(column)
    universal = [column for column in annotations.values() if _is_upos(splits, column)]
    if universal:
        annotations.setdefault("upos", universal[0])
    return annotations, skipped


def _fits(split: _Split, column: str, i: int) -> bool:
    """Whether row `i` has one label per word in a column."""
    words, labels = split.words[i], split.labels.get(column)
    row = labels[i] if labels else None
    return words is not None and row is not None and len(row) == len(words)


def _is_upos(splits: Sequence[_Split], column: str) -> bool:
    rows = chain.from_iterable(split.labels.get(column, ()) for split in splits)
    values = set(chain.from_iterable(row for row in rows if row)) - NO_VALUE
    return bool(values) and values <= UPOS


def _passages(split: _Split, annotations: Mapping[str, str], tally: Tally) -> Passages:
    """The rows that have words and, if there are annotations, at least one of them."""
    rows: list[int] = []
    found = Passages.of(_one_by_one(split, annotations, rows, tally))
    return without_masked(found, lambda number: split.rows.place(rows[number]), tally)


def _one_by_one(
    split: _Split, annotations: Mapping[str, str], rows: list[int], tally: Tally
) -> Iterator[Passage]:
    """Iterate over the passages, and append the row of each to `rows`."""
    place = split.rows.place
    columns = list(dict.fromkeys(annotations.values()))
    for i, words in enumerate(split.words):
        if words is None:
            tally.add(EMPTY, place(i))
            continue
        lacking = [column for column in columns if not _fits(split, column, i)]
        if columns and len(lacking) == len(columns):
            listed = _listed([f"'{column}'" for column in lacking])
            tally.add(LEFT_OUT.format(columns=listed), place(i))
            continue
        for column in lacking:
            tally.add(UNFIT.format(column=column), place(i))
        name = f"{split.name}-{i + 1}"
        document = split.documents[i] if split.documents else name
        tags: dict[str, tuple[str | None, ...]] = {}
        for annotation, column in annotations.items():
            if column not in lacking:
                tags[annotation] = _values(split, column, i, tally)
        rows.append(i)
        yield Passage(name, document, tuple(words), tags)


def _values(split: _Split, column: str, i: int, tally: Tally) -> tuple[str | None, ...]:
    """A row's labels as texts, None for words without one."""
    row = split.labels[column][i] or []
    ignored = sum(map(is_ignored, row))
    if ignored:
        tally.add(IGNORED_LABELS.format(column=column), split.rows.place(i), ignored)
    return tuple(None if v in NO_VALUE or is_ignored(v) else str(v) for v in row)
