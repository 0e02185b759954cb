"""Tally: what could not be read, counted by kind, with the first place of each kind."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable


class Tally(Counter[str]):
    """How often something was left out or changed, by a sentence that says what happened.

    For example, `{"mentions are left out: …": 12}`.

    Attributes:
        first: where each kind occurred first, as `FILE:LINE` or the nearest thing to it.
    """

    def __init__(self) -> None:
        super().__init__()
        self.first: dict[str, str] = {}

    def add(self, what: str, where: str = "", times: int = 1) -> None:
        """Count `what`, which occurred at `where`."""
        if times:
            self[what] += times
            if where:
                self.first.setdefault(what, where)

    def merge(self, later: Tally) -> None:
        """Add the counts of a tally of later places."""
        for what, times in later.items():
            self.add(what, later.first.get(what, ""), times)

    def warnings(self) -> list[str]:
        """One sentence for each kind: how often, what, and where first."""
        return [f"{count:,} {what}{self._place(what)}" for what, count in self.items() if count]

    def _place(self, what: str) -> str:
        return f" (first: {self.first[what]})" if what in self.first else ""


def with_warnings(message: str, warnings: Iterable[str]) -> str:
    """An error message with the warnings reported before it, which often give the reason."""
    reported = "; ".join(warnings)
    return f"{message}\nWarnings before this: {reported}" if reported else message
