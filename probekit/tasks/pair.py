"""Pair: two sentences that differ in one point."""

from __future__ import annotations

from typing import NamedTuple


class Pair(NamedTuple):
    """Two sentences, of which a language model should find the first more likely.

    Attributes:
        passage: the number of the passage in its split.
        sentence: its id.
        good, bad: the words of each.
        kind: what they differ in: a paradigm, or the number of the verb (`Sing`, `Plur`).
        distance: words from the head of the subject to its verb, negative where the verb comes
            first; None where it is not known.
        attractors: nouns of the other number between subject and verb; None likewise.
    """

    passage: int
    sentence: str
    good: tuple[str, ...]
    bad: tuple[str, ...]
    kind: str = ""
    distance: int | None = None
    attractors: int | None = None
