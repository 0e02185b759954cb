"""Rows of JSON and Parquet files as data sets in memory.

The files are parsed here, not by `datasets`: its JSON parser ends the process on deep nesting, and what it keeps in
its cache is read back without a check. Nothing is cached.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from probekit.corpora.readers.reading import read_text
from probekit.errors import CorpusError
from probekit.foreign import json_value, shortened

if TYPE_CHECKING:
    from datasets import Dataset

COLUMNS = 1_000  # in a file, at most
EXPANSION = 50  # bytes of a Parquet file's table for each byte of the file, at most
ALLOWANCE = 2**28  # bytes any Parquet file's table may have


def read_rows(paths: Sequence[Path]) -> Dataset:
    """The rows of one split's files, one file after the other.

    Raises:
        CorpusError: for a file that cannot be read or is not what its name says (JSON with the line), has no row,
            or other columns or types than the first.
    """
    import pyarrow
    from datasets import Dataset
    from datasets.table import InMemoryTable

    tables = [_parquet(path) if path.suffix == ".parquet" else _json(path) for path in paths]
    for path, table in zip(paths, tables, strict=True):
        if not table.num_rows:
            raise CorpusError(f"{path} is empty: it has no row")
    try:
        table = pyarrow.concat_tables(tables, promote_options="permissive")
        table.validate(full=True)
        return Dataset(InMemoryTable(table))
    except (pyarrow.ArrowException, ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        # the last four: what a Parquet file says about its columns for `datasets` is JSON of any form
        names = ", ".join(path.name for path in paths[:3])
        raise CorpusError(f"cannot make one table of {names} in {paths[0].parent}: {_said(error)}") from error


def _parquet(path: Path) -> Any:
    import pyarrow
    from pyarrow import parquet

    try:
        with parquet.ParquetFile(path) as file:
            promised = sum(file.metadata.row_group(i).total_byte_size for i in range(file.num_row_groups))
            if promised > ALLOWANCE + EXPANSION * path.stat().st_size:
                raise CorpusError(f"{path} promises {promised:,} bytes of values, too many for a file of its size")
            if file.metadata.num_columns > COLUMNS:
                raise CorpusError(f"{path} has {file.metadata.num_columns:,} columns, at most {COLUMNS:,} can be read")
            return file.read()
    except (pyarrow.ArrowException, OSError, ValueError) as error:
        raise CorpusError(f"cannot read {path} as Parquet: {_said(error)}") from error


def _json(path: Path) -> Any:
    """A table of a file with a JSON object a line, or one list of objects."""
    import pyarrow

    rows = _objects(path)
    names: dict[str, None] = {}
    for _, row in rows:
        names.update(dict.fromkeys(row))
        if len(names) > COLUMNS:
            raise CorpusError(f"{path} has more than {COLUMNS:,} columns: expected one object a sentence")
    if not names and rows:
        raise CorpusError(f"{path}: its objects have no keys: expected words and their labels")
    columns = {}
    for name in names:
        values = [row.get(name) for _, row in rows]
        try:
            columns[name] = pyarrow.array(values)
        except (pyarrow.ArrowException, OverflowError, ValueError, TypeError) as error:
            raise CorpusError(
                f"{path}: column '{shortened(name)}' has values of several types: {_said(error)}"
            ) from error
    return pyarrow.table(columns)


def _objects(path: Path) -> list[tuple[int, dict[str, Any]]]:
    """Every object with its number: the line's, or its place in the list."""
    text = read_text(path)
    start = text.lstrip()[:1]
    if not start:
        raise CorpusError(f"{path} is empty: it has no row")
    if start == "[":
        return [(i, _object(row, f"{path}, row {i}")) for i, row in enumerate(_list(text, path), 1)]
    found = []
    for number, line in enumerate(text.split("\n"), 1):
        if line and not line.isspace():
            try:
                found.append((number, _object(json_value(line), f"{path}:{number}")))
            except ValueError as error:
                raise CorpusError(f"{path}:{number}: {error}; expected a JSON object a line") from error
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


def _said(error: BaseException) -> str:
    first = (str(error).splitlines() or [type(error).__name__])[0]
    return shortened(first)
