"""Schemas: a table has the columns that its rows' class says, and comes back from a file as it
was."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from probekit.errors import InputError
from probekit.reports.read import KINDS
from probekit.results.schema import Means, Precedes, schema_of


@dataclass(frozen=True, kw_only=True)
class Row:
    """One of each kind of column."""

    name: Annotated[str, Means("a name")]
    count: Annotated[int, Means("how many", "from 0")]
    place: Annotated[int | None, Means("where, if anywhere", "from 0, or empty")]
    size: Annotated[float, Means("how large")]
    later: Annotated[str, Means("what older tables lack")] = "none"


@dataclass(frozen=True, kw_only=True)
class LongerRow(Row):
    """With columns of its own."""

    unit: Annotated[str, Means("of the size")]
    colour: Annotated[str, Means("of the thing"), Precedes("place")]
    shade: Annotated[str, Means("of the colour"), Precedes("place")]


SCHEMA = schema_of("rows", "a thing", Row, ("name",))
WHOLE = st.integers(-(10**15), 10**15)
ROWS = st.builds(
    Row,
    name=st.text(st.characters(exclude_categories=["Cs"]), max_size=5),
    count=WHOLE,
    place=st.none() | WHOLE,
    size=st.floats(-1e6, 1e6) | st.just(float("nan")),
    later=st.sampled_from(["NA", "nan", "None", "0.5", "a,b", 'c"', "d\re\nf", "\x00"]),
)


@given(st.lists(ROWS, max_size=4))
def test_a_table_comes_back_from_its_text(rows: list[Row]) -> None:
    table = SCHEMA.table(rows)
    assert list(table) == list(SCHEMA.names) and len(table) == len(rows)
    again = SCHEMA.from_csv(SCHEMA.as_csv(table).encode().decode())
    pd.testing.assert_frame_equal(again, table, check_exact=True)
    in_full = SCHEMA.table(rows, decimals=None)
    again = SCHEMA.from_csv(SCHEMA.as_csv(in_full, decimals=None), decimals=None)
    pd.testing.assert_frame_equal(again, in_full, check_exact=True)
    pd.testing.assert_frame_equal(SCHEMA.table(table), table, check_exact=True)


def row(**changed: Any) -> dict[str, Any]:
    return {"name": "a", "count": 1, "place": None, "size": 0.1234567, **changed}


def test_types_and_decimals() -> None:
    table = SCHEMA.table([row(), row(place=2, size=None)])
    text = str(pd.Series(["a"]).astype("str").dtype)  # of pandas 2 it is object
    assert list(map(str, table.dtypes)) == [text, "int64", "Int64", "float64", text]
    assert table["size"].tolist()[0] == 0.123457 and table["size"].isna().tolist() == [False, True]
    assert SCHEMA.as_csv(table) == "name,count,place,size,later\na,1,,0.123457,none\na,1,2,,none\n"


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"sise": 1}, "did you mean 'size'"),
        ({"count": None}, "column 'count' of the table 'rows' takes integer"),
        ({"count": 1.5}, "column 'count'"),
        ({"count": "x"}, "column 'count'"),
        ({"size": "x"}, "column 'size'"),
    ],
)
def test_a_row_that_does_not_fit_is_refused(changed: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        SCHEMA.table([row(**changed)])


def test_a_missing_column_is_named() -> None:
    with pytest.raises(InputError, match="lacks the column 'place'"):
        SCHEMA.table(pd.DataFrame([row()]).drop(columns="place"))
    with pytest.raises(InputError, match="lacks the column 'count'"):
        SCHEMA.from_csv("name,place,size\na,1,1\n")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "\n",
        "name,count,place,size\na,1\n",
        "name,count,place,size\na,1,1,1,1\n",
        "name,count,place,size\na,x,1,1\n",
        "name,count,place,size\na,,1,1\n",
        "name,count,place,size\na,1,1.5,1\n",
        "name,name,count,place,size\na,a,1,1,1\n",
        'name,count,place,size\n"a,1,1,1\n',
        f"name,count,place,size\n{'a' * 200_000},1,1,1\n",
    ],
)
def test_a_text_that_is_no_such_table_is_refused(text: str) -> None:
    with pytest.raises(InputError):
        SCHEMA.from_csv(text)


def test_inherited_columns_stand_among_a_rows_own() -> None:
    schema = schema_of("longer", "a thing", LongerRow, ("name",), last=("size", "later"))
    assert schema.names == ("name", "count", "colour", "shade", "place", "unit", "size", "later")
    assert [column.name for column in schema.columns if column.default == "none"] == ["later"]


def test_a_name_means_one_thing_in_all_tables() -> None:
    """At least: it is a text in all of them, or a number."""
    kinds: dict[str, set[bool]] = {}
    for results in KINDS:
        for schema in {**results.TABLES, **results.OPTIONAL}.values():
            for column in schema.columns:
                kinds.setdefault(column.name, set()).add(column.kind.dtype == "str")
    assert {name for name, found in kinds.items() if len(found) > 1} == set()
