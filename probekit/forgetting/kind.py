"""Kind: which part of the old probe's drop stands for what happened to a task."""

from __future__ import annotations

from probekit.forgetting.comparison import PARTS
from probekit.forgetting.comparison_rows import DecompositionRow


def significant_parts(row: DecompositionRow) -> list[str]:
    """The PARTS whose intervals are above zero: loss first, then the others by size.

    Without a drop above zero only loss counts.
    """
    above = [part for part in PARTS if getattr(row, f"{part}_low") > 0]
    found = ["loss"] if "loss" in above else []
    if row.drop_low > 0:
        others = [part for part in above if part != "loss"]
        others.sort(key=lambda part: -getattr(row, part))
        found += others
    return found


def kind(row: DecompositionRow) -> str:
    """The first of `significant_parts`; without any, `unattributed` for a drop above zero, else
    `not detected`."""
    found = significant_parts(row)
    if found:
        return found[0]
    return "unattributed" if row.drop_low > 0 else "not detected"
