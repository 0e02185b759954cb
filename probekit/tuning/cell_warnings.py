"""Cell warnings: what the cells of a grid warn of, each warning once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence


def cell_warnings(by_cell: Mapping[str, Sequence[str]]) -> list[str]:
    """The warnings of all cells; those that not all have begin with the names of their cells.

    Args:
        by_cell: the warnings of each cell, by its name.

    >>> cell_warnings({"full-1": ["few texts", "at chance"], "lora-1": ["few texts"]})
    ['few texts', 'full-1: at chance']
    """
    cells: dict[str, list[str]] = {}
    for name, warnings in by_cell.items():
        for warning in warnings:
            cells.setdefault(warning, []).append(name)
    found = []
    for warning, names in cells.items():
        where = "" if len(names) == len(by_cell) else f"{_named(names)}: "
        found.append(where + warning)
    return found


def in_every_cell(by_cell: Mapping[str, Sequence[str]]) -> list[str]:
    """The warnings that all cells have.

    >>> in_every_cell({"full-1": ["few texts", "at chance"], "lora-1": ["few texts"]})
    ['few texts']
    """
    shared = set.intersection(*map(set, by_cell.values()))
    first = next(iter(by_cell.values()))
    return [warning for warning in first if warning in shared]


def _named(names: Sequence[str]) -> str:
    """The first cell, and how many others."""
    if len(names) < 3:
        return " and ".join(names)
    return f"{names[0]} and {len(names) - 1:,} other cells"
