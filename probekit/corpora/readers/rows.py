"""Rows of tables: JSON and Parquet files, read here, and data sets of the hub, loaded by `datasets`.

Local files are not given to `datasets`: its JSON parser ends the process on deep nesting, and what it keeps in its
cache is read back without a check. Nothing of them is cached.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from probekit.corpora.readers.cached import check_cached
from probekit.corpora.readers.reading import read_lines
from probekit.errors import CorpusError
from probekit.foreign import json_value, shortened

COLUMNS = 1_000  # in a table, at most
EXPANSION = 50  # bytes of a Parquet file's table for each byte of the file, at most
ALLOWANCE = 2**28  # bytes any Parquet file's table may have


@dataclass(frozen=True)
class Rows:
    """The rows of one split.

    Attributes:
        columns: the values of each column, None where a row has none.
        classes: the names of the classes, of columns that hold their numbers.
        place: where a row stands, by its number from 0.
    """

    columns: Mapping[str, list[Any]]
    classes: Mapping[str, list[str]]
    place: Callable[[int], str]

    def __len__(self) -> int:
        return len(next(iter(self.columns.values()), []))


def read_rows(paths: Sequence[Path]) -> Rows:
    """The rows of one split's files, one file after the other.

    Raises:
        CorpusError: for a file that cannot be read or is not what its name says (JSON with the line), or has no row.
    """
    parts = [_parquet(path) if path.suffix == ".parquet" else _json(path) for path in paths]
    for path, part in zip(paths, parts, strict=True):
        if not len(part):
            raise CorpusError(f"{path} is empty: it has no row")
    return parts[0] if len(parts) == 1 else _one_after_the_other(parts)


def _one_after_the_other(parts: Sequence[Rows]) -> Rows:
    names = dict.fromkeys(name for part in parts for name in part.columns)
    columns: dict[str, list[Any]] = {name: [] for name in names}
    classes: dict[str, list[str]] = {}
    places: list[tuple[Rows, int]] = []
    for part in parts:
        for name, values in columns.items():
            values.extend(part.columns.get(name) or [None] * len(part))
        for name, called in part.classes.items():
            if classes.setdefault(name, called) != called:
                raise CorpusError(f"{part.place(0)}: column '{shortened(name)}' has other classes than in files before")
        places += [(part, i) for i in range(len(part))]
    return Rows(columns, classes, lambda i: places[i][0].place(places[i][1]))


def _json(path: Path) -> Rows:
    """The rows of a file with a JSON object a line, or one list of objects."""
    objects = _objects(path)
    names: dict[str, None] = {}
    for _, row in objects:
        names.update(dict.fromkeys(row))
        if len(names) > COLUMNS:
            raise CorpusError(f"{path} has more than {COLUMNS:,} columns: expected one object a sentence")
    if objects and not names:
        raise CorpusError(f"{path}: its objects have no keys: expected words and their labels")
    columns = {name: [row.get(name) for _, row in objects] for name in names}
    return Rows(columns, {}, lambda i: objects[i][0])


def _objects(path: Path) -> list[tuple[str, dict[str, Any]]]:
    """Every object with its place: its line, or its number in the list."""
    found = []
    begin = next((line for line in read_lines(path) if line and not line.isspace()), "")
    if begin.lstrip().startswith("["):
        for number, row in enumerate(_list("\n".join(read_lines(path)), path), 1):
            where = f"{path}, row {number}"
            found.append((where, _object(row, where)))
        return found
    for number, line in enumerate(read_lines(path), 1):
        if line and not line.isspace():
            where = f"{path}:{number}"
            try:
                found.append((where, _object(json_value(line), where)))
            except ValueError as error:
                raise CorpusError(f"{where}: {error}; expected a JSON object a line") from error
    return found


def _list(text: str, path: Path) -> list[Any]:
    try:
        value = json_value(text)
    except ValueError as error:
        raise CorpusError(f"{path}: {error}; expected a list of objects") from error
    assert isinstance(value, list)
    return value


def _object(value: Any, where: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise CorpusError(f"{where}: expected a JSON object with the words and their labels, not {shortened(value)}")
    return value


def _parquet(path: Path) -> Rows:
    import pyarrow
    from pyarrow import parquet

    try:
        with parquet.ParquetFile(path) as file:
            promised = sum(file.metadata.row_group(i).total_byte_size for i in range(file.num_row_groups))
            if promised > ALLOWANCE + EXPANSION * path.stat().st_size:
                raise CorpusError(f"{path} promises {promised:,} bytes of values, too many for a file of its size")
            if file.metadata.num_columns > COLUMNS:
                raise CorpusError(f"{path} has {file.metadata.num_columns:,} columns, at most {COLUMNS:,} can be read")
            table = file.read()
            table.validate(full=True)
        return _table(table, partial(_place, str(path)))
    except (pyarrow.ArrowException, OSError, ValueError, OverflowError) as error:
        first = (str(error).splitlines() or [type(error).__name__])[0]
        raise CorpusError(f"cannot read {path} as Parquet: {shortened(first)}") from error


def _table(table: Any, place: Callable[[int], str]) -> Rows:
    """The rows of an Arrow table. Raises ValueError for texts that are no UTF-8."""
    columns = dict(zip(table.column_names, (column.to_pylist() for column in table.columns), strict=True))
    return Rows(columns, _classes(table.schema.metadata or {}), place)


def _place(where: str, i: int) -> str:
    return f"{where}, row {i + 1}"


def _classes(metadata: Mapping[bytes, bytes]) -> dict[str, list[str]]:
    """The class names that `datasets` writes beside a table. Raises ValueError where they are not of that form."""
    found = _within(json_value(metadata.get(b"huggingface", b"{}").decode()), "info", "features")
    classes = {}
    for column, feature in found.items():
        inner = _within(feature, "feature") or _within(feature)
        names = inner.get("names")
        if inner.get("_type") == "ClassLabel" and isinstance(names, list):
            classes[str(column)] = [str(name) for name in names]
    return classes


def _within(value: Any, *keys: str) -> dict[str, Any]:
    """The table under keys of tables; empty where one of them is none."""
    for key in keys:
        value = value.get(key) if isinstance(value, dict) else None
    return value if isinstance(value, dict) else {}


def hub_rows(dataset: str) -> dict[str, Rows]:
    """The splits of a data set of the hub (`NAME` or `NAME:CONFIG`), by the names it gives them.

    Raises:
        CorpusError: where it cannot be loaded, or what `datasets` keeps of it has changed since it was first read.
    """
    import datasets

    name, _, config = dataset.partition(":")
    found: dict[str, Rows] = {}
    try:
        loaded = datasets.load_dataset(name, config or None)
        for split, rows in loaded.items():
            check_cached(dataset, [Path(file["filename"]) for file in rows.cache_files])
            table = rows.with_format("arrow")[:].replace_schema_metadata(rows.features.arrow_schema.metadata)
            found[split] = _table(table, partial(_place, f"{dataset}, split '{split}'"))
    except CorpusError:
        raise
    except Exception as error:  # `datasets` raises what its readers, the hub and the network do; all of it ends here
        reason = shortened((str(error).splitlines() or [type(error).__name__])[0], 200)
        raise CorpusError(f"cannot load data set '{dataset}': {reason} (offline, give a folder of files)") from error
    return found
