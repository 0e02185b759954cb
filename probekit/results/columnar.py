"""Columnar: large tables as Arrow has them, each distinct text once, kept as Parquet."""

from __future__ import annotations

from collections.abc import Sequence
from io import BytesIO
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from probekit.errors import InputError, unknown
from probekit.results.schema import Schema

_TEXT = pa.dictionary(pa.int32(), pa.string())
_TYPES = {
    "str": _TEXT,
    "int64": pa.int64(),
    "Int64": pa.int64(),
    "float64": pa.float64(),
    "list": pa.large_list(_TEXT),
}
_DECODED = {**_TYPES, "str": pa.string(), "list": pa.large_list(pa.string())}


def checked(schema: Schema, given: pa.Table | None) -> pa.Table:
    """The table with every column, in order and of its type; one without rows for None.

    Raises InputError where a column is not known, is missing, or has values of another type.
    """
    if given is None:
        return _fields(schema, _TYPES).empty_table()
    if not isinstance(given, pa.Table):
        raise InputError(f"the table '{schema.name}' is a pyarrow.Table, not {type(given)}")
    for name in given.column_names:
        if name not in schema.names:
            raise InputError(unknown(f"column of the table '{schema.name}'", name, schema.names))
    for column in schema.columns:
        if column.name not in given.column_names:
            raise InputError(f"no table '{schema.name}': it lacks the column '{column.name}'")
    try:
        return given.select(schema.names).cast(_fields(schema, _TYPES))
    except (pa.ArrowException, ValueError) as error:
        raise InputError(f"no table '{schema.name}': {error}") from error


def decoded(schema: Schema, table: pa.Table) -> pa.Table:
    """The same with plain texts in place of numbers into a vocabulary."""
    return table.cast(_fields(schema, _DECODED))


def same(schema: Schema, one: pa.Table, other: pa.Table) -> bool:
    """Whether two tables have the same values."""
    return bool(decoded(schema, one).equals(decoded(schema, other)))


def joined(schema: Schema, tables: Sequence[pa.Table]) -> pa.Table:
    """The rows of all tables; of rows with one key the first."""
    whole = pa.concat_tables([decoded(schema, table) for table in tables])
    repeated = whole.select(schema.key).to_pandas().duplicated()
    return checked(schema, whole.filter(pa.array(~repeated.to_numpy())))


def from_rows(schema: Schema, rows: Sequence[Any]) -> pa.Table:
    """The table of rows that are instances of the rows' class."""
    return pa.Table.from_pylist(list(map(vars, rows)), schema=_fields(schema, _DECODED))


def as_parquet(schema: Schema, table: pa.Table) -> bytes:
    """A Parquet file's content, with each distinct text once; the same for equal tables."""
    written = BytesIO()
    pq.write_table(decoded(schema, table).combine_chunks(), written, compression="zstd")
    return written.getvalue()


def from_parquet(schema: Schema, content: bytes) -> pa.Table:
    """The table in a file that `as_parquet` made. Raises InputError for any other content."""
    try:
        table = pq.read_table(BytesIO(content))
    except (pa.ArrowException, OSError, ValueError) as error:
        raise InputError(f"no table '{schema.name}': {error}") from error
    return checked(schema, table)


def _fields(schema: Schema, types: dict[str, pa.DataType]) -> pa.Schema:
    return pa.schema([(column.name, types[column.kind.dtype]) for column in schema.columns])
