"""Other request: where what a run was started with differs from what is asked for now."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def other_request(found: Mapping[str, Any], wanted: Mapping[str, Any]) -> str:
    """The first setting that differs, with both values; empty where none does.

    >>> other_request({"seed": 0, "data": {"rows": 5}}, {"seed": 0, "data": {"rows": 6}})
    'data.rows 5, not 6'
    >>> other_request({"seed": 0}, {"seed": 0})
    ''
    """
    for name in dict.fromkeys([*wanted, *found]):
        before, now = found.get(name), wanted.get(name)
        if before == now:
            continue
        if isinstance(before, Mapping) and isinstance(now, Mapping):
            return f"{name}.{other_request(before, now)}"
        return f"{name} {before!r}, not {now!r}"
    return ""
