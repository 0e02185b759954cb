"""Rows of tables: JSON and Parquet files, read here, and data sets of the hub, by `datasets`.

Local files do not go through `datasets`: its JSON parser ends the process on deep nesting, and it
does not check what it reads from its cache. They are not cached.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from probekit.corpora.readers.cached import check_cached
from probekit.corpora.readers.reading import read_lines
from probekit.errors import CorpusError
from probekit.foreign import json_value, shortened

COLUMNS = 1_000  # most columns of a table
EXPANSION = 50  # most bytes of a Parquet file's table for each byte of the file
ALLOWANCE = 2**28  # bytes that any Parquet file's table may have
BATCH = 1_024  # rows of a table that become objects at once


@dataclass(frozen=True)
class Rows:
    """The rows of one split.

    Attributes:
        columns: the values of each column, None for rows without one.
        classes: the names of the classes, for columns of class numbers.
        place: gives the place of a row by its number from 0.
    """

    columns: Mapping[str, list[Any]]
    classes: Mapping[str, list[str]]
    place: Callable[[int], str]

    def __len__(self) -> int:
        return len(next(iter(self.columns.values()), []))


def read_rows(paths: Sequence[Path]) -> Rows:
    """Read the rows of one split's files, one file after the other.

    Raises:
        CorpusError: for a file that cannot be read, is not in the format of its suffix (with the
            line, for JSON), or has no row.
    """
    parts = [_parquet(path) if path.suffix == ".parquet" else _json(path) for path in paths]
    for path, part in zip(paths, parts, strict=True):
        if not len(part):
            raise CorpusError(f"{path} is empty: it has no row")
    return concatenated(parts)


def concatenated(parts: Sequence[Rows]) -> Rows:
    """The rows of all parts, one after the other.

    Raises:
        CorpusError: if a column has other classes in one part than in another.
    """
    if len(parts) == 1:
        return parts[0]
    names = dict.fromkeys(name for part in parts for name in part.columns)
    columns: dict[str, list[Any]] = {name: [] for name in names}
    classes: dict[str, list[str]] = {}
    places: list[tuple[Rows, int]] = []
    for part in parts:
        for name, values in columns.items():
            values.extend(part.columns.get(name) or [None] * len(part))
        for name, names_of_classes in part.classes.items():
            if classes.setdefault(name, names_of_classes) != names_of_classes:
                column = f"column '{shortened(name)}'"
                raise CorpusError(f"{part.place(0)}: {column} has other classes in earlier files")
        places += [(part, i) for i in range(len(part))]
    return Rows(columns, classes, lambda i: places[i][0].place(places[i][1]))


def _json(path: Path) -> Rows:
    """The rows of a file with one JSON object per line, or with one list of objects."""
    begin = next((line for line in read_lines(path) if line and not line.isspace()), "")
    is_list = begin.lstrip().startswith("[")
    place = partial(_place if is_list else _line, str(path))
    columns: dict[str, list[Any]] = {}
    numbers: list[int] = []
    known: dict[str, str] = {}
    for number, row in _listed(path) if is_list else _lines(path):
        if not isinstance(row, dict):
            expected = "expected a JSON object with the words and their labels"
            raise CorpusError(f"{place(number)}: {expected}, not {shortened(row)}")
        for name in [name for name in row if name not in columns]:
            columns[name] = [None] * len(numbers)
        for name, values in columns.items():
            values.append(_shared(row.get(name), known))
        numbers.append(number)
        if len(columns) > COLUMNS:
            raise CorpusError(
                f"{path} has more than {COLUMNS:,} columns: expected one object per sentence"
            )
    if numbers and not columns:
        raise CorpusError(f"{path}: its objects have no keys: expected words and their labels")
    return Rows(columns, {}, lambda i: place(numbers[i]))


def _shared(value: Any, known: dict[str, str]) -> Any:
    """The same value; texts in a list that were seen before become the same object."""
    if not isinstance(value, list):
        return value
    return [known.setdefault(one, one) if isinstance(one, str) else one for one in value]


def _lines(path: Path) -> Iterator[tuple[int, Any]]:
    for number, line in enumerate(read_lines(path)):
        if line and not line.isspace():
            try:
                yield number, json_value(line)
            except ValueError as error:
                place = _line(str(path), number)
                raise CorpusError(f"{place}: {error}; expected one JSON object per line") from error


def _listed(path: Path) -> Iterator[tuple[int, Any]]:
    try:
        rows = json_value("\n".join(read_lines(path)))
    except ValueError as error:
        raise CorpusError(f"{path}: {error}; expected a list of objects") from error
    yield from enumerate(rows)


def _parquet(path: Path) -> Rows:
    import pyarrow
    from pyarrow import parquet

    try:
        with parquet.ParquetFile(path) as file:
            groups = [file.metadata.row_group(i) for i in range(file.num_row_groups)]
            promised = sum(group.total_byte_size for group in groups)
            if promised > ALLOWANCE + EXPANSION * path.stat().st_size:
                raise CorpusError(
                    f"{path} promises {promised:,} bytes of values, too many for a file of its size"
                )
            width = file.metadata.num_columns
            if width > COLUMNS:
                raise CorpusError(f"{path} has {width:,} columns, at most {COLUMNS:,} can be read")
            table = file.read()
            table.validate(full=True)
        return _table(table, partial(_place, str(path)))
    except (pyarrow.ArrowException, OSError, ValueError, OverflowError) as error:
        first = (str(error).splitlines() or [type(error).__name__])[0]
        raise CorpusError(f"cannot read {path} as Parquet: {shortened(first)}") from error


def _table(table: Any, place: Callable[[int], str]) -> Rows:
    """The rows of an Arrow table. Raises ValueError for texts that are not UTF-8."""
    known: dict[str, str] = {}
    columns: dict[str, list[Any]] = {name: [] for name in table.column_names}
    for batch in table.to_batches(max_chunksize=BATCH):
        for name, column in zip(table.column_names, batch.columns, strict=True):
            columns[name] += [_shared(value, known) for value in column.to_pylist()]
    return Rows(columns, _classes(table.schema.metadata or {}), place)


def _place(where: str, i: int) -> str:
    return f"{where}, row {i + 1}"


def _line(where: str, i: int) -> str:
    return f"{where}:{i + 1}"


def _classes(metadata: Mapping[bytes, bytes]) -> dict[str, list[str]]:
    """The class names that `datasets` stores with a table. Raises ValueError if they are
    malformed."""
    found = _within(json_value(metadata.get(b"huggingface", b"{}").decode()), "info", "features")
    classes = {}
    for column, feature in found.items():
        inner = _within(feature, "feature") or _within(feature)
        names = inner.get("names")
        if inner.get("_type") == "ClassLabel" and isinstance(names, list):
            classes[str(column)] = [str(name) for name in names]
    return classes


def _within(value: Any, *keys: str) -> dict[str, Any]:
    """The table under nested keys; empty if one of them does not lead to a table."""
    for key in keys:
        value = value.get(key) if isinstance(value, dict) else None
    return value if isinstance(value, dict) else {}


def hub_rows(dataset: str) -> dict[str, Rows]:
    """Load the splits of a data set of the hub (`NAME` or `NAME:CONFIG`), by its names for them.

    Raises:
        CorpusError: if `datasets` is not installed, the data set cannot be loaded, or its cached
            tables have changed since they were first read.
    """
    try:
        import datasets
    except ImportError as error:
        raise CorpusError(
            f"'{dataset}' is a data set of the hub: pip install 'probekit-nlp[datasets]'"
        ) from error
    name, _, config = dataset.partition(":")
    found: dict[str, Rows] = {}
    try:
        with _bars_off():
            loaded = datasets.load_dataset(name, config or None)
        for split, rows in loaded.items():
            check_cached(dataset, [Path(file["filename"]) for file in rows.cache_files])
            metadata = rows.features.arrow_schema.metadata
            table = rows.with_format("arrow")[:].replace_schema_metadata(metadata)
            found[split] = _table(table, partial(_place, f"{dataset}, split '{split}'"))
    except CorpusError:
        raise
    except Exception as error:  # of any type: from readers of `datasets`, the hub or the network
        reason = shortened((str(error).splitlines() or [type(error).__name__])[0], 200)
        raise CorpusError(
            f"cannot load data set '{dataset}': {reason} (offline, give a folder of files)"
        ) from error
    return found


@contextmanager
def _bars_off() -> Iterator[None]:
    """Turn off the progress bars of `datasets`: a library does not print."""
    import datasets

    were_on = not datasets.are_progress_bars_disabled()
    datasets.disable_progress_bars()
    try:
        yield
    finally:
        if were_on:
            datasets.enable_progress_bars()
