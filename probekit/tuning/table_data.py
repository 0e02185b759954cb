"""Table data: files with a column of texts, or two, and a column of labels or numbers."""

from __future__ import annotations

import hashlib
import math
from collections import Counter
from collections.abc import Collection, Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from probekit import doors
from probekit.corpora.find import split_of
from probekit.corpora.passage import SPLITS, Split
from probekit.corpora.readers import delimited_columns, delimited_file
from probekit.corpora.readers.rows import Rows, concatenated, hub_rows, read_rows
from probekit.errors import CorpusError, InputError, suggestion, unknown
from probekit.foreign import shortened
from probekit.tasks.by_document import are_of_documents, one_label
from probekit.tuning.data import TEXT_METRICS, Data, Examples, raw_text

SUFFIXES = (".csv", ".tsv", ".json", ".jsonl", ".parquet")
TEXTS = ("text", "sentence")
LABELS = ("label", "labels")
DOCUMENTS = delimited_columns.USUAL["document"]  # in lower case
LEAST_DOCUMENTS = 10  # that a table is divided by
HUB_SPLITS = {"train": "train", "validation": "dev", "dev": "dev", "test": "test"}


@dataclass(frozen=True)
class Columns:
    """What the columns of a table mean.

    Attributes:
        text: the column of texts, or two columns of pairs; none for `text` or `sentence`.
        label: the column of labels; "" for `label`, None where none is read.
        regression: whether it has numbers to predict.
    """

    text: tuple[str, ...] = ()
    label: str | None = ""
    regression: bool = False

    @classmethod
    def of(cls, text: Any, label: Any, regression: Any) -> Columns:
        """From arguments of a public function. Raises InputError for others."""
        texts = [
            name for one in doors.several("text", text or [""], (str,)) for name in one.split(",")
        ]
        found = tuple(name.strip() for name in texts if name.strip())
        if len(found) > 2:
            raise InputError(f"text takes one column, or two of pairs, not {len(found)}")
        doors.of_type("label", label, str)
        doors.of_type("regression", regression, bool)
        return cls(found, label, regression)


@dataclass(frozen=True)
class _Row:
    """One row: its texts, what its label column holds (None where none is read), its document
    (None where the table does not tell it), and where it is."""

    texts: tuple[str, ...]
    label: Any
    document: str | None
    place: str


def from_path(path: Path, columns: Columns) -> Data:
    """A file, which is divided into train, dev and test, or a folder with a file of each.

    Raises CorpusError for files that cannot be read; InputError for columns that are not there, and
    for texts or labels that nothing can be learnt from.
    """
    if path.is_dir():
        tables: dict[str, Rows] = {}
        for split, parts in _files_in(path).items():
            tables[split] = concatenated(parts)
        return from_tables(path.name, tables, columns)
    if path.suffix not in SUFFIXES:
        raise InputError(f"data {path}: expected one of {', '.join(SUFFIXES)}")
    return _divided(path.stem, _read(path), columns)


def from_hub(name: str, columns: Columns) -> Data:
    """A data set of the hub; one without dev or test is divided as files are. Raises as above."""
    found = hub_rows(name)
    tables: dict[str, Rows] = {}
    for split, rows in found.items():
        if split in HUB_SPLITS:
            tables[HUB_SPLITS[split]] = rows
    if set(tables) == set(SPLITS):
        return from_tables(name, tables, columns)
    if "train" not in tables:
        raise InputError(f"data '{name}' has no split train: it has {', '.join(sorted(found))}")
    return _divided(name, tables["train"], columns)


def from_tables(name: str, tables: Mapping[str, Rows], columns: Columns) -> Data:
    """Data of a table for each split. Raises InputError as above."""
    for split in SPLITS:
        if split not in tables:
            raise InputError(
                f"data {name} has no {split}: give train, dev and test, as files with these names "
                "or as one file that is divided"
            )
        if not len(tables[split]):
            raise InputError(f"data {name}: {split} has no row")
    rows = {split: list(rows_of(table, columns)) for split, table in tables.items()}
    return _data(name, rows, columns, ())


def _files_in(folder: Path) -> dict[Split, list[Rows]]:
    found: dict[Split, list[Rows]] = {}
    for path in sorted(folder.iterdir()):
        split = split_of(Path(path.name))
        if path.suffix in SUFFIXES and split is not None:
            found.setdefault(split, []).append(_read(path))
    return found


def _read(path: Path) -> Rows:
    """The rows of a file."""
    if path.suffix not in (".csv", ".tsv"):
        return read_rows([path])
    header = delimited_file.read_header(path)
    cells: dict[str, list[Any]] = {name: [] for name in header}
    lines = []
    for row in list(delimited_file.read_rows(path))[1:]:
        if row.is_blank:
            continue
        if len(row.cells) != len(header):
            raise CorpusError(
                f"{path}:{row.line}: {len(row.cells)} cells, and the first row names {len(header)}"
            )
        for name, cell in zip(header, row.cells, strict=True):
            cells[name].append(cell)
        lines.append(row.line)
    if not lines:
        raise CorpusError(f"{path} is empty: it has no row")
    return Rows(cells, {}, partial(_line, str(path), lines))


def _line(path: str, lines: list[int], i: int) -> str:
    return f"{path}:{lines[i]}"


def rows_of(table: Rows, columns: Columns) -> Iterator[_Row]:
    """The rows of a table. Raises InputError for a missing column, and an empty text or label."""
    names = columns.text or (_found("text", TEXTS, table),)
    label = columns.label
    if label == "":
        label = _found("label", LABELS, table)
    for name in names:
        _require_column("text", name, table)
    if label is not None:
        _require_column("label", label, table)
    document = _document_column(table, (*names, label))
    for i in range(len(table)):
        texts = []
        for name in names:
            text = table.columns[name][i]
            if not isinstance(text, str) or not text.strip():
                raise InputError(
                    f"{table.place(i)}: the text in '{name}' is empty: leave such rows out"
                )
            texts.append(text)
        value = None if label is None else _label(table, label, i)
        of = None if document is None else str(table.columns[document][i])
        yield _Row(tuple(texts), value, of, table.place(i))


def _document_column(table: Rows, read: Collection[str | None]) -> str | None:
    """The column of documents, where there is one that is not read as something else and names the
    document of every row."""
    for name in table.columns:
        is_one = name.lower() in DOCUMENTS and name not in read
        if is_one and all(_is_name(value) for value in table.columns[name]):
            return name
    return None


def _is_name(value: Any) -> bool:
    """Whether a cell can name a document."""
    return isinstance(value, int) or (isinstance(value, str) and bool(value.strip()))


def _require_column(parameter: str, name: str, table: Rows) -> None:
    if name not in table.columns:
        known = unknown(f"column of {parameter}", name, table.columns)
        raise InputError(f"{parameter}='{name}': {known} ({table.place(0)})")


def _label(table: Rows, label: str, i: int) -> Any:
    """The label of a row, as the name of its class where the table has these."""
    value = table.columns[label][i]
    if value is None or value == "":
        raise InputError(f"{table.place(i)}: '{label}' is empty: leave such rows out")
    classes = table.classes.get(label)
    if classes and isinstance(value, int) and 0 <= value < len(classes):
        return classes[value]
    return value


def _found(parameter: str, usual: Sequence[str], table: Rows) -> str:
    for name in usual:
        if name in table.columns:
            return name
    known = ", ".join(map(shortened, table.columns))
    raise InputError(
        f"no column is called {' or '.join(usual)}: give {parameter}='…', one of {known}"
    )


def _divided(name: str, table: Rows, columns: Columns) -> Data:
    """One table, divided: eight tenths train, one dev and one test. Equal texts stay together, and
    so do documents, where that leaves each label in training."""
    rows = list(rows_of(table, columns))
    what = "texts"
    by_split = _in_tenths(rows, [row.texts for row in rows])
    if by_split is None:
        n_texts = len({row.texts for row in rows})
        raise InputError(f"data {name} has {n_texts} different texts, too few to divide")
    if rows[0].document is not None:
        families = _families(rows)
        by_documents = _in_tenths(rows, families)
        enough = len(set(families)) >= LEAST_DOCUMENTS
        has_classes = columns.label is not None and not columns.regression
        if enough and by_documents and (not has_classes or _can_learn(by_documents)):
            what, by_split = "documents", by_documents
        else:
            what = (
                f"texts, since there are fewer than {LEAST_DOCUMENTS} documents, or training would "
                "lack a label"
            )
    sizes = ", ".join(f"{len(found):,} {split}" for split, found in by_split.items())
    warning = f"{name} has no split of its own: its rows are divided by their {what} ({sizes})"
    return _data(name, by_split, columns, (warning,))


def _in_tenths(
    rows: Sequence[_Row], keys: Sequence[tuple[str, ...]]
) -> dict[str, list[_Row]] | None:
    """The rows by split, those with one key together; None where there are too few keys."""
    hashes = {key: hashlib.sha256("\0".join(key).encode()).digest() for key in keys}
    order = sorted(hashes, key=hashes.__getitem__)
    if len(order) < 3:
        return None
    tenth = max(1, len(order) // 10)
    split_of = dict.fromkeys(order, "train")
    split_of |= dict.fromkeys(order[:tenth], "dev")
    split_of |= dict.fromkeys(order[tenth : 2 * tenth], "test")
    by_split: dict[str, list[_Row]] = {split: [] for split in SPLITS}
    for row, key in zip(rows, keys, strict=True):
        by_split[split_of[key]].append(row)
    return by_split


def _families(rows: Sequence[_Row]) -> list[tuple[str, ...]]:
    """The key of each row: the least name of the documents that are linked by equal texts."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    documents = _numbered([row.document for row in rows])
    texts = _numbered([row.texts for row in rows])
    size = max(documents.max(), texts.max()) + 1
    links = coo_array((np.ones(len(rows)), (documents, size + texts)), shape=(2 * size, 2 * size))
    family = connected_components(links, directed=False)[1][documents]
    least: dict[int, str] = {}
    for row, number in zip(rows, family.tolist(), strict=True):
        name = str(row.document)
        least[number] = min(name, least.get(number, name))
    return [(least[number],) for number in family.tolist()]


def _numbered(values: Sequence[Hashable]) -> np.ndarray:
    """The number of each value, by where it first occurs."""
    numbers = {value: i for i, value in enumerate(dict.fromkeys(values))}
    return np.array([numbers[value] for value in values])


def _can_learn(by_split: Mapping[str, list[_Row]]) -> bool:
    """Whether every class of dev and test occurs in training, and each there more than once."""
    counts = Counter(str(row.label) for row in by_split["train"])
    of_rest = {str(row.label) for split in ("dev", "test") for row in by_split[split]}
    return of_rest <= set(counts) and min(counts.values()) > 1


def _data(
    name: str, rows: Mapping[str, list[_Row]], columns: Columns, warnings: tuple[str, ...]
) -> Data:
    splits: dict[str, Examples] = {}
    if columns.label is None:
        for split, found in rows.items():
            splits[split] = raw_text([row.texts for row in found])
        return Data(name, "subwords", splits, (), TEXT_METRICS, warnings)
    if columns.regression:
        for split, found in rows.items():
            labels = [np.array([_number(row)]) for row in found]
            splits[split] = Examples([row.texts for row in found], labels)
        splits, more = _by_document(name, rows, splits, are_classes=False)
        metrics = ("pearson", "spearman")
        return Data(name, "numbers", splits, (), metrics, (*warnings, *more))
    counts = Counter(_class(row) for row in rows["train"])
    _require_classes(name, counts)
    number = {label: i for i, label in enumerate(sorted(counts))}
    for split, found in rows.items():
        labels = [np.array([number[_known(row, number)]]) for row in found]
        splits[split] = Examples([row.texts for row in found], labels)
    splits, more = _by_document(name, rows, splits)
    metrics = ("accuracy", "macro_f1")
    return Data(name, "texts", splits, tuple(sorted(counts)), metrics, (*warnings, *more))


def _by_document(
    name: str,
    rows: Mapping[str, list[_Row]],
    splits: Mapping[str, Examples],
    *,
    are_classes: bool = True,
) -> tuple[dict[str, Examples], tuple[str, ...]]:
    """The examples in the order of their documents, which have one label each, and a warning that
    says so; as they are where that is not so."""
    numbers = {}
    for split, found in rows.items():
        if any(row.document is None for row in found):
            return dict(splits), ()
        numbers[split] = _numbered([row.document for row in found])
    labels = {split: np.concatenate(examples.labels) for split, examples in splits.items()}
    labelled = [(labels[split], numbers[split]) for split in splits]
    if not are_of_documents(labelled, are_classes=are_classes):
        return dict(splits), ()
    ordered = {}
    for split, examples in splits.items():
        with_documents = replace(examples, documents=numbers[split])
        ordered[split] = with_documents.take(np.argsort(numbers[split], kind="stable").tolist())
    test = ordered["test"]
    return ordered, (f"{name}: {one_label(len(np.unique(test.units)), len(test))}",)


def _class(row: _Row) -> str:
    """The label of a row. Raises InputError for a number with a fraction."""
    value = row.label
    is_float = isinstance(value, float)
    if isinstance(value, str):
        try:
            is_float = not value.strip().lstrip("+-").isdecimal() and math.isfinite(float(value))
        except ValueError:
            is_float = False
    if is_float:
        raise InputError(
            f"{row.place}: the label {shortened(value)} is a number with a fraction, not a class: "
            "give regression=True to predict numbers, or another column as label"
        )
    return str(value)


def _known(row: _Row, number: Mapping[str, int]) -> str:
    label = _class(row)
    if label not in number:
        raise InputError(
            f"{row.place}: the label '{shortened(label)}' does not occur in training: "
            "leave its rows out, or move some to training"
        )
    return label


def _number(row: _Row) -> float:
    try:
        value = float(row.label)
    except (TypeError, ValueError):
        value = math.nan
    if isinstance(row.label, bool) or not math.isfinite(value):
        raise InputError(f"{row.place}: '{shortened(row.label)}' is not a number to predict")
    return value


def _require_classes(name: str, counts: Mapping[str, int]) -> None:
    """Raise InputError where there is nothing to tell apart, or a class that cannot be learnt."""
    if len(counts) < 2:
        only = shortened(next(iter(counts), ""))
        raise InputError(f"data {name} has one label in training, '{only}': nothing to tell apart")
    single = [label for label, count in counts.items() if count == 1]
    if single:
        more = f" and {len(single) - 1:,} more" if len(single) > 1 else ""
        raise InputError(
            f"data {name}: the label '{shortened(single[0])}'{more} has one example in training: "
            "join it with another label, or leave it out"
        )


def missing(path: Path) -> InputError:
    """The error for data that is neither a file, a folder nor a known name."""
    return InputError(
        f"no data '{path}': give CORPUS:TASK (en_ewt:pos, en_ewt:genre), a file or folder of "
        f"tables, glue/TASK, or hf:NAME{suggestion(path)}"
    )
