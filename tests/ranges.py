"""Ranges: numbers of results lie where their columns say, however few test sentences there are."""

from __future__ import annotations

from probekit.results.columns import CHANGE, UNIT
from probekit.results.results import Results

RANGES = {UNIT: (0, 1), CHANGE: (-1, 1)}


def require_in_range(results: Results) -> None:
    """Fail for a share or a score outside 0 to 1, and for a change of one outside −1 to 1."""
    for schema in (*results.TABLES.values(), *results.OPTIONAL.values()):
        table = results.tables.get(schema.name)
        if table is None:
            continue
        for column in schema.columns:
            if column.unit in RANGES:
                low, high = RANGES[column.unit]
                values = table[column.name].dropna()
                assert values.between(low, high).all(), (schema.name, column.name, values)
