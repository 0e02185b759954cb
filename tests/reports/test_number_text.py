"""What is not known is a dash in every table, never `nan`."""

from __future__ import annotations

from dataclasses import replace

import pytest

from probekit.reports.tables import tables_of
from probekit.results.results import Results
from probekit.usage.erasure import CLEAN
from tests.results.made import KINDS

ENDS = ("_low", "_high", "detectable")
NAMES = {"after": "b", "task": "pos", "erased": "pos", "affected": "pos"}
NAMES |= {"probe": CLEAN, "way": "mean", "label": "all", "metric": "accuracy"}


def without_intervals(made: Results) -> Results:
    """One row of each table, of one test sentence: nothing has an interval."""
    tables = {}
    for name in made.TABLES:
        row = getattr(made, name).head(1)
        names = {column: text for column, text in NAMES.items() if column in row}
        ends = [column for column in row if column.endswith(ENDS)]
        tables[name] = row.assign(**names, **dict.fromkeys(ends, float("nan")))
    return replace(made, **tables)


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_a_table_without_intervals_has_dashes(kind: type[Results]) -> None:
    tables = tables_of(without_intervals(KINDS[kind](0.5))).values()
    cells = [cell for table in tables for row in table.rows for cell in row]
    assert cells
    assert not [cell for cell in cells if "nan" in cell]
