"""Spans from CoNLL bracket bits: one bit per word, such as `(TOP(S(NP*`, `*`, `*)`, `(V*)`."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from pathlib import Path

from probekit.corpora.passage import Edge, Span
from probekit.corpora.tally import Tally

NO_PREDICATE = "predicates are left out with their roles: they have not exactly one '(V*)' bracket"
_BIT = re.compile(r"((?:\([^()*\s]*)*)\*?(\)*)")


class BracketError(ValueError):
    """Brackets that do not pair up; `word` is the number of the word with the fault."""

    def __init__(self, message: str, word: int) -> None:
        super().__init__(message)
        self.word = word


@contextmanager
def absent_where_bad(
    what: str, path: Path | str, lines: Sequence[int], tally: Tally
) -> Iterator[None]:
    """Leave an annotation absent if its brackets cannot be read, and count `what` at the word's
    line."""
    try:
        yield
    except BracketError as error:
        tally.add(what, f"{path}:{lines[error.word]}: {error}")


def spans(bits: Sequence[str]) -> list[tuple[Span, str]]:
    """Every bracket's span and label, in the order they open; the outer one first.

    Raises:
        BracketError: if a bit is not a bracket bit, or brackets do not pair up.

    >>> spans(["(S(NP*", "*)", "(VP*))"])
    [((0, 3), 'S'), ((0, 2), 'NP'), ((2, 3), 'VP')]
    """
    found: list[tuple[Span, str]] = []
    unclosed: list[int] = []
    for i, bit in enumerate(bits):
        if bit == "*":
            continue
        match = _BIT.fullmatch(bit)
        if match is None or not bit:
            raise BracketError(f"'{bit}' is not a bracket bit such as '(NP*', '*' or '*)'", i)
        opening, closing = match.groups()
        for label in opening.split("(")[1:]:
            unclosed.append(len(found))
            found.append(((i, -1), label))
        for _ in closing:
            if not unclosed:
                raise BracketError(f"'{bit}' closes a bracket that is not open", i)
            at = unclosed.pop()
            (start, _), label = found[at]
            found[at] = ((start, i + 1), label)
    if unclosed:
        (start, _), label = found[unclosed[-1]]
        raise BracketError(f"bracket '({label}' is not closed in its sentence", start)
    return found


def constituents(bits: Sequence[str]) -> tuple[Edge, ...]:
    """Phrases: every bracket except TOP, ROOT and unlabelled ones, without function tags.

    `NP-SBJ` becomes `NP`. A span has one category: if several brackets cover the same words, that
    is the outermost one's.

    >>> [(edge.spans, edge.label) for edge in constituents(["(TOP(S(NP-SBJ*)", "(VP*)))"])]
    [(((0, 2),), 'S'), (((0, 1),), 'NP'), (((1, 2),), 'VP')]
    """
    found: dict[Span, str] = {}
    for span, label in spans(bits):
        category = category_of(label)
        if category and category not in ("TOP", "ROOT"):
            found.setdefault(span, category)
    return tuple(Edge((span,), category) for span, category in found.items())


@cache
def category_of(label: str) -> str:
    """A label without function tags and indices: `NP-SBJ=1` is `NP`; `-LRB-` stays.

    >>> category_of("NP-SBJ=1"), category_of("-LRB-")
    ('NP', '-LRB-')
    """
    return label if label.startswith("-") else re.split("[-=]", label, maxsplit=1)[0]


def roles(columns: Sequence[Sequence[str]], tally: Tally, where: str = "") -> tuple[Edge, ...]:
    """Arguments, from one column of bits per predicate, whose `V` bracket is the predicate.

    `R-` and `C-` labels stay. A column without exactly one `V` is left out and counted, at `where`.
    """
    found: list[Edge] = []
    for column in columns:
        brackets = spans(column)
        predicates = [span for span, label in brackets if label == "V"]
        if len(predicates) != 1:
            tally.add(NO_PREDICATE, where)
            continue
        for span, label in brackets:
            if label not in ("V", ""):
                found.append(Edge((predicates[0], span), label))
    return tuple(found)
