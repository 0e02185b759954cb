"""Ranges: numbers of results lie where their columns say, however few test sentences there are."""

from __future__ import annotations

from math import inf

from probekit.results.columns import CHANGE, COUNT, UNIT
from probekit.results.results import Results

RANGES = {UNIT: (0, 1), CHANGE: (-1, 1), "−2 to 2": (-2, 2), COUNT: (0, inf), "from 1": (1, inf)}


def require_in_range(results: Results) -> None:
    """Fail for a number outside of the range that its column's schema states."""
    for schema in (*results.TABLES.values(), *results.OPTIONAL.values()):
        table = results.tables.get(schema.name)
        if table is None:
            continue
        for column in schema.columns:
            if column.unit in RANGES:
                low, high = RANGES[column.unit]
                values = table[column.name].dropna()
                assert values.between(low, high).all(), (schema.name, column.name, values)
