"""Tables that have a column of words and columns of labels: JSON and Parquet files, or a data set
of the hub.

The column of words is the card's `columns.words`, or else the first of `table_split.WORDS` that
exists. Every other column of lists as long as the words becomes a word annotation of the same name
(`columns` renames: annotation = "column"). Words given as one text are split at spaces, and then so
are labels given as one text. An annotation whose values are all universal tags is `upos` as well.
Each row is a document, unless `columns.document` names a column of documents. What a row lacks is
absent there, counted and located.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import chain

from probekit.corpora.passage import Passage, Split
from probekit.corpora.passages import Passages
from probekit.corpora.readers.ignored import IGNORED_LABELS, NO_VALUE, is_ignored
from probekit.corpora.readers.masks import without_masked
from probekit.corpora.readers.reading import Material, Reading, Tally
from probekit.corpora.readers.rows import Rows, hub_rows, read_rows
from probekit.corpora.readers.table_split import FORM, TableSplit, listed, split_of
from probekit.errors import CorpusError

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


def read(material: Material) -> Reading:
    """Read every split of a data set.

    Raises:
        CorpusError: if it cannot be loaded, or lacks a column of words or a column in the card.
    """
    return read_tables(_load(material), material)


def read_tables(loaded: Mapping[str, Rows], material: Material) -> Reading:
    """Read the table of each split, by its name: see `read`."""
    reading = Reading()
    found: dict[Split, TableSplit] = {}
    for done, (split, names) in enumerate(SPLITS.items()):
        material.progress(f"reading {material.name}", done, len(SPLITS))
        for name in (*names, split):
            if name in loaded:
                found[split] = split_of(loaded[name], name, material)
    annotations, skipped = _annotations(list(found.values()), material)
    for split, part in found.items():
        reading.splits[split] = _passages(part, annotations, reading.tally)
    material.progress(f"reading {material.name}", len(SPLITS), len(SPLITS))
    if skipped:
        form = "" if annotations else f"; {FORM}"
        reading.warnings.append(
            f"columns without one label per word, not read: {listed(sorted(skipped))}{form}"
        )
    return reading


def _load(material: Material) -> Mapping[str, Rows]:
    """The table of each split, by its name."""
    if not material.dataset:
        return {split: read_rows(paths) for split, paths in material.files.items()}
    return hub_rows(material.dataset)


def _annotations(
    splits: Sequence[TableSplit], material: Material
) -> tuple[dict[str, str], set[str]]:
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
                fits += split.fits(column, i)
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


def _is_upos(splits: Sequence[TableSplit], column: str) -> bool:
    rows = chain.from_iterable(split.labels.get(column, ()) for split in splits)
    values = set(chain.from_iterable(row for row in rows if row)) - NO_VALUE
    return bool(values) and values <= UPOS


def _passages(split: TableSplit, annotations: Mapping[str, str], tally: Tally) -> Passages:
    """The rows that have words and, if there are annotations, at least one of them."""
    rows: list[int] = []
    found = Passages.of(_one_by_one(split, annotations, rows, tally))
    return without_masked(found, lambda number: split.rows.place(rows[number]), tally)


def _one_by_one(
    split: TableSplit, annotations: Mapping[str, str], rows: list[int], tally: Tally
) -> Iterator[Passage]:
    """Iterate over the passages, and append the row of each to `rows`."""
    place = split.rows.place
    columns = list(dict.fromkeys(annotations.values()))
    for i, words in enumerate(split.words):
        if words is None:
            tally.add(EMPTY, place(i))
            continue
        lacking = [column for column in columns if not split.fits(column, i)]
        if columns and len(lacking) == len(columns):
            unfit = listed([f"'{column}'" for column in lacking])
            tally.add(LEFT_OUT.format(columns=unfit), place(i))
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


def _values(split: TableSplit, column: str, i: int, tally: Tally) -> tuple[str | None, ...]:
    """A row's labels as texts, None for words without one."""
    row = split.labels[column][i] or []
    ignored = sum(map(is_ignored, row))
    if ignored:
        tally.add(IGNORED_LABELS.format(column=column), split.rows.place(i), ignored)
    return tuple(None if v in NO_VALUE or is_ignored(v) else str(v) for v in row)
