"""Schema: the columns of a table, described by the class of its rows.

    @dataclass(frozen=True, kw_only=True)
    class ScoreRow:
        layer: Annotated[int | None, Means("0 is the embeddings", "from 0, or empty")]
        score: Annotated[float, Means("on the test split", "[0, 1]")]
        site: Annotated[str, Means("what is read of a block")] = ""

A field is a column. Its annotation gives type, unit and meaning; its default is the value in a
table that lacks the column. A class inherits the columns of its base; its own follow them, or stand
before the one that `Precedes` names.
"""

from __future__ import annotations

import csv
from collections.abc import Callable, Sequence
from dataclasses import MISSING, dataclass, fields
from functools import cached_property
from io import StringIO
from math import isnan
from typing import TYPE_CHECKING, Any, NamedTuple, get_type_hints

from probekit.errors import InputError, unknown

if TYPE_CHECKING:
    import pandas as pd

DECIMALS = 6


class Means(NamedTuple):
    """What a column means, and the unit or range of its values."""

    meaning: str
    unit: str = ""


class Precedes(NamedTuple):
    """The inherited column before which a column stands."""

    name: str


class Kind(NamedTuple):
    """The type of a column's values.

    Attributes:
        dtype: its name in pandas.
        called: its name in documentation.
        parse: makes a value from the text in a file; raises ValueError.
    """

    dtype: str
    called: str
    parse: Callable[[str], Any]


KINDS: dict[Any, Kind] = {
    str: Kind("str", "text", str),
    int: Kind("int64", "integer", int),
    int | None: Kind("Int64", "integer, or empty", lambda text: int(text) if text else None),
    float: Kind("float64", "number, or empty", lambda text: float(text) if text else float("nan")),
    list[str]: Kind("list", "texts", str),  # in Parquet only, see `columnar`
}
"""What a field of a row may be."""


@dataclass(frozen=True)
class Column:
    """One column.

    Attributes:
        name: in the header.
        kind: the type of its values.
        unit: of its values, or their range; empty for text.
        meaning: in a few words.
        default: the value in a table that lacks the column; MISSING where none may lack it.
    """

    name: str
    kind: Kind
    unit: str
    meaning: str
    default: Any = MISSING


@dataclass(frozen=True)
class Schema:
    """A table's columns.

    Attributes:
        name: of the table; its file is `NAME.csv`, or `NAME.parquet`.
        row: what a row is, in a few words.
        columns: in order.
        key: the columns that together tell a row from all others.
    """

    name: str
    row: str
    columns: tuple[Column, ...]
    key: tuple[str, ...]

    @property
    def names(self) -> tuple[str, ...]:
        """The columns' names, in order."""
        return tuple(column.name for column in self.columns)

    def table(
        self, rows: pd.DataFrame | Sequence[Any], decimals: int | None = DECIMALS
    ) -> pd.DataFrame:
        """The checked table of some rows: every column, in order and of its type.

        Args:
            rows: a table, or rows as dictionaries or instances of the rows' class; columns in any
                order.
            decimals: what numbers are rounded to; None leaves them alone.

        Raises InputError where a column is not known, is missing, or has values of another type.
        """
        import pandas as pd

        frame = rows if isinstance(rows, pd.DataFrame) else pd.DataFrame(list(rows))
        if not len(frame.columns):
            frame = pd.DataFrame(columns=list(self.names))
        for name in frame.columns:
            if name not in self.names:
                raise InputError(
                    unknown(f"column of the table '{self.name}'", str(name), self.names)
                )
        if not len(frame) and set(frame.columns) == set(self.names):
            return self._without_rows.copy()
        return self._of_columns(frame, decimals)

    @cached_property
    def _without_rows(self) -> pd.DataFrame:
        """The table without rows: results have many such, and a copy takes a moment."""
        import pandas as pd

        return self._of_columns(pd.DataFrame(columns=list(self.names)), None)

    def _of_columns(self, frame: pd.DataFrame, decimals: int | None) -> pd.DataFrame:
        """The table of a frame whose columns are known."""
        import pandas as pd

        return pd.DataFrame(
            {column.name: self._values(column, frame, decimals) for column in self.columns}
        )

    def _values(self, column: Column, frame: pd.DataFrame, decimals: int | None) -> Any:
        """The values of one column, of its type."""
        import pandas as pd

        if column.name not in frame:
            if column.default is MISSING:
                raise InputError(f"no table '{self.name}': it lacks the column '{column.name}'")
            return pd.array([column.default] * len(frame), dtype=column.kind.dtype)
        try:
            return _of_type(column.kind.dtype, frame[column.name], decimals)
        except (TypeError, ValueError) as error:
            raise InputError(
                f"the column '{column.name}' of the table '{self.name}' takes "
                f"{column.kind.called} ({error})"
            ) from error

    def as_csv(self, table: pd.DataFrame, decimals: int | None = DECIMALS) -> str:
        """The table as CSV: numbers with `decimals`, or in full; missing values are empty."""
        columns = []
        for column in self.columns:
            values = table[column.name].tolist()
            columns.append([_cell(value, decimals) for value in values])
        lines = [",".join(self.names)]
        lines += [",".join(cells) for cells in zip(*columns, strict=True)]
        return "\n".join(lines) + "\n"

    def from_csv(self, text: str, decimals: int | None = DECIMALS) -> pd.DataFrame:
        """The table in a text that `as_csv` made.

        Raises InputError for any other text, as `table` does.
        """
        import pandas as pd

        kind_of = {column.name: column.kind for column in self.columns}
        parsed: dict[str, Any] = {}
        try:
            header, *lines = csv.reader(StringIO(text, newline=""))
            if not header or len(set(header)) < len(header):
                raise ValueError("its first line is not a list of different columns")
            by_column = zip(*lines, strict=True) if lines else [()] * len(header)
            for name, texts in zip(header, by_column, strict=True):
                kind = kind_of.get(name, KINDS[str])
                dtype = "str" if kind.dtype == "str" else object
                parsed[name] = pd.array([kind.parse(one) for one in texts], dtype=dtype)
        except (ValueError, csv.Error) as error:
            raise InputError(f"no table '{self.name}': {error}") from error
        return self.table(pd.DataFrame(parsed), decimals)

    def described(self) -> list[dict[str, str]]:
        """For documentation, one row for each column; the columns of the key are bold."""
        rows = []
        for column in self.columns:
            name = f"**`{column.name}`**" if column.name in self.key else f"`{column.name}`"
            described = {"column": name, "type": column.kind.called, "unit or range": column.unit}
            rows.append({**described, "meaning": column.meaning})
        return rows


def schema_of(
    name: str, row: str, rows: type, key: Sequence[str], last: Sequence[str] = ()
) -> Schema:
    """The schema that a class of rows describes.

    Args:
        name: of the table.
        row: what a row is, in a few words.
        rows: a dataclass, each of whose fields is `Annotated` with `Means` and of a type in KINDS.
        key: the fields that tell a row from all others.
        last: fields that follow all others, in this order.
    """
    hints = get_type_hints(rows, include_extras=True)
    columns = {}
    order: list[str] = []
    for field in fields(rows):
        hint = hints[field.name]
        means, *places = hint.__metadata__
        columns[field.name] = Column(
            field.name, KINDS[hint.__origin__], means.unit, means.meaning, field.default
        )
        place = order.index(places[0].name) if places else len(order)
        order.insert(place, field.name)
    order = [name for name in order if name not in last] + list(last)
    return Schema(name, row, tuple(columns[name] for name in order), tuple(key))


def _of_type(dtype: str, values: pd.Series, decimals: int | None) -> Any:
    """An array of the type of pandas that `Kind` names; what is of it already is not converted.

    Raises TypeError or ValueError where a value cannot be of it.
    """
    has_type = values.dtype == dtype
    if dtype == "float64":
        numbers = values.to_numpy() if has_type else values.astype(dtype).to_numpy()
        return numbers if decimals is None else numbers.round(decimals)
    if dtype != "str":
        return values.array if has_type else values.astype("Int64").astype(dtype).array
    if has_type and values.dtype.storage == "pyarrow":  # which holds only what can be encoded
        return values.fillna("").array if values.hasnans else values.array
    import pandas as pd

    return pd.array([encodable(value) for value in values.tolist()], dtype="str")


def encodable(value: Any) -> str:
    """A text that can be encoded, which names of files may not be. A missing one is empty."""
    if value is None or (isinstance(value, float) and isnan(value)):
        return ""
    return str(value).encode(errors="backslashreplace").decode()


def _cell(value: Any, decimals: int | None) -> str:
    """A value as it stands in a file."""
    if isinstance(value, float):
        if isnan(value):
            return ""
        return repr(value) if decimals is None else f"{value:.{decimals}f}"
    if isinstance(value, int):
        return str(value)
    if not isinstance(value, str):
        return ""  # pandas' own missing value
    if any(mark in value for mark in ',"\n\r'):
        return '"' + value.replace('"', '""') + '"'
    return value
