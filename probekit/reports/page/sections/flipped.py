"""Flipped: instances that are right before and wrong after, as sentences with their span marked."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from probekit.reports.page.parts import Flip, Flips

if TYPE_CHECKING:
    import pandas as pd

MOST = 20
BETWEEN = " … "  # the spans of a pair


def flips(title: str, frame: pd.DataFrame, about: Sequence[str], source: str) -> Flips:
    """The first flipped instances of a table.

    Args:
        title: what they are of.
        frame: with `text`, `words`, `gold` and `predicted`, and the columns `about`.
        about: columns that tell where an instance is from.
        source: the file that has all.
    """
    shown = []
    for _, row in frame.head(MOST).iterrows():
        words = marked(str(row["text"]), str(row["words"]))
        is_found = any(is_marked for _, is_marked in words)
        shown.append(
            Flip(
                about=", ".join(str(row[name]) for name in about),
                words=words,
                span="" if is_found else str(row["words"]),
                gold=str(row["gold"]),
                predicted=str(row["predicted"]),
            )
        )
    return Flips(title, shown, len(frame), source)


def marked(text: str, span: str) -> list[tuple[str, bool]]:
    """The words of a sentence, and whether each is in the span.

    Nothing is marked where the span stands at several places, or at none: which one is meant is
    then not known.

    >>> marked("the old dog", "old dog")
    [('the', False), ('old', True), ('dog', True)]
    """
    words = text.split(" ")
    inside: set[int] = set()
    for part in span.split(BETWEEN):
        places = _places(words, part.split(" "))
        if len(places) != 1:
            return [(word, False) for word in words]
        inside.update(range(places[0], places[0] + len(part.split(" "))))
    return [(word, place in inside) for place, word in enumerate(words)]


def _places(words: list[str], part: list[str]) -> list[int]:
    """Where a part of a sentence begins."""
    return [i for i in range(len(words)) if words[i : i + len(part)] == part]
