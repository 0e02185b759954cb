"""Table data: files with a column of texts, or two, and a column of labels or numbers."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from probekit.corpora.find import split_of
from probekit.corpora.passage import SPLITS, Split
from probekit.corpora.readers import delimited_file
from probekit.corpora.readers.rows import Rows, concatenated, hub_rows, read_rows
from probekit.errors import CorpusError, InputError, suggestion
from probekit.foreign import shortened
from probekit.tasks.by_document import are_of_documents, one_label
from probekit.tuning.data import TEXT_METRICS, Data, Examples, raw_text
from probekit.tuning.table_rows import Columns, Row, document_gap, rows_of
from probekit.tuning.table_split import divided, numbered

SUFFIXES = (".csv", ".tsv", ".json", ".jsonl", ".parquet")
HUB_SPLITS = {"train": "train", "validation": "dev", "dev": "dev", "test": "test"}


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
    return _of_one(path.stem, _read(path), columns)


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
    return _of_one(name, tables["train"], columns)


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
    warnings: list[str] = []
    if columns.label is not None:  # raw text is not resampled
        warnings += _unnamed_documents(name, tables, rows, columns)
    return _data(name, rows, columns, tuple(warnings))


def _unnamed_documents(
    name: str, tables: Mapping[str, Rows], rows: Mapping[str, list[Row]], columns: Columns
) -> Iterator[str]:
    """A warning for each split that lacks names of documents, where another split, or some of its
    rows, has them."""
    unnamed = [split for split, found in rows.items() if found[0].document is None]
    for split in unnamed:
        gap = document_gap(tables[split], columns)
        if gap is None and len(unnamed) < len(rows):
            gap = "no column names documents"
        if gap is not None:
            yield f"{name}, {split}: {gap}, so intervals cannot resample documents"


def _of_one(name: str, table: Rows, columns: Columns) -> Data:
    """One table, which is divided."""
    has_classes = columns.label is not None and not columns.regression
    rows = list(rows_of(table, columns))
    by_split, warning = divided(name, rows, has_classes=has_classes)
    warnings = [warning]
    gap = document_gap(table, columns) if rows[0].document is None else None
    if gap is not None:
        warnings.append(f"{name}: {gap}, so documents are not kept together: name one in every row")
    return _data(name, by_split, columns, tuple(warnings))


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
                f"{path}:{row.line}: {len(row.cells)} cells, but the file has {len(header)} columns"
            )
        for name, cell in zip(header, row.cells, strict=True):
            cells[name].append(cell)
        lines.append(row.line)
    if not lines:
        raise CorpusError(f"{path} is empty: it has no row")
    return Rows(cells, {}, partial(_line, str(path), lines))


def _line(path: str, lines: list[int], i: int) -> str:
    return f"{path}:{lines[i]}"


def _data(
    name: str, rows: Mapping[str, list[Row]], columns: Columns, warnings: tuple[str, ...]
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
    rows: Mapping[str, list[Row]],
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
        numbers[split] = numbered([row.document for row in found])
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


def _class(row: Row) -> str:
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


def _known(row: Row, number: Mapping[str, int]) -> str:
    label = _class(row)
    if label not in number:
        raise InputError(
            f"{row.place}: the label '{shortened(label)}' does not occur in training: "
            "leave its rows out, or move some to training"
        )
    return label


def _number(row: Row) -> float:
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
            f"data {name}: labels with one example in training: '{shortened(single[0])}'{more}; "
            "join each with another label, or leave it out"
        )


def missing(path: Path) -> InputError:
    """The error for data that is neither a file, a folder nor a known name."""
    return InputError(
        f"no data '{path}': give CORPUS:TASK (en_ewt:pos, en_ewt:genre), a file or folder of "
        f"tables, glue/TASK, or hf:NAME{suggestion(path)}"
    )
