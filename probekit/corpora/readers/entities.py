"""Mentions from `Entity=` in the MISC column, as in GUM and CorefUD.

`# global.Entity = GRP-etype-infstat-…` names the fields of an opening bracket. A value is a run of
opening brackets `(7-abstract-new`, closing ones `7)` and mentions of one word `(7-abstract-new)`,
without separators. A part of a discontinuous mention has its number: `(7[1/2]-abstract`, `7[1/2])`.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple

from probekit.corpora.passage import Edge, Span
from probekit.corpora.tally import Tally
from probekit.foreign import shortened

_VALUE = re.compile(r"(?:^|\|)Entity=([^|]*)")
_BRACKET = re.compile(r"\(([^()]+)(\)?)|([^()]+)\)")
_PART = re.compile(r"(.*)\[\d+/\d+\]")

UNPAIRED = "mentions are left out: their brackets do not pair up in one sentence"
DISCONTINUOUS = "parts of discontinuous mentions are left out: a span is one run of words"
UNWRITTEN = "mentions are left out: they cover empty nodes only, no word"


@dataclass(frozen=True)
class EntityFields:
    """Which field of an opening bracket is the entity's id, and which its type."""

    id: int
    type: int | None
    count: int

    @classmethod
    def of(cls, header: str) -> EntityFields:
        """Build it from the value of `# global.Entity`.

        Raises:
            ValueError: if no field is the id (`eid` or `GRP`).
        """
        names = [name.strip().casefold() for name in header.split("-")]
        ids = [i for i, name in enumerate(names) if name in ("eid", "grp")]
        types = [i for i, name in enumerate(names) if name in ("etype", "entity")]
        if not ids:
            raise ValueError(f"global.Entity '{header}' has neither a field 'eid' nor 'GRP'")
        return cls(ids[0], types[0] if types else None, len(names))

    def split(self, content: str) -> tuple[str, str]:
        """Id and type of a bracket's content; the type is empty without one, as in closing
        brackets."""
        values = content.split("-", self.count - 1)
        if len(values) <= self.id:
            return content, ""
        kind = "" if self.type is None or self.type >= len(values) else values[self.type]
        return values[self.id], "" if kind == "_" else kind


class Bracket(NamedTuple):
    """One bracket of a value; a mention of one word both opens and closes."""

    content: str
    opens: bool
    closes: bool


@dataclass
class _Mention:
    start: int
    entity: str
    kind: str
    end: int | None = None


def value_of(misc: str) -> str:
    """The value of `Entity=` in a MISC column, empty without one."""
    match = _VALUE.search(misc)
    return match.group(1) if match else ""


def split_brackets(value: str) -> list[Bracket]:
    """The brackets of a value.

    Raises:
        ValueError: for a value that is not a run of brackets.
    """
    found: list[Bracket] = []
    at = 0
    while at < len(value):
        # From the end of the last one: a search from every letter would take quadratic time.
        match = _BRACKET.match(value, at)
        if not match:
            expected = "a run of '(id-…', '(id-…)' and 'id)'"
            raise ValueError(f"Entity '{shortened(value)}' is not {expected}")
        content = match[1] or match[3]
        found.append(Bracket(content, match[1] is not None, bool(match[2] or match[3])))
        at = match.end()
    return found


def read_mentions(
    nodes: Iterable[tuple[int, int, list[Bracket]]],
    fields: EntityFields,
    tally: Tally,
    where: str = "",
) -> tuple[tuple[Edge, ...], tuple[Edge, ...]]:
    """The mentions of a sentence, in the order they open.

    Args:
        nodes: `(start, end, brackets)` of each node that has brackets: the number of words before
            the node, and up to and including it. A word has `end = start + 1`, an empty node
            `end = start`.
        fields: the fields of an opening bracket.
        tally: counts what is left out.
        where: the place of the sentence.

    Returns:
        The mentions labelled by type (those that have one), and labelled by entity.
    """
    found: list[_Mention] = []
    unclosed: defaultdict[str, list[_Mention]] = defaultdict(list)
    for start, end, brackets in nodes:
        for content, opens, closes in brackets:
            entity, kind = fields.split(content)
            if opens:
                found.append(_Mention(start, entity, kind))
                unclosed[entity].append(found[-1])
            if closes and unclosed[entity]:
                unclosed[entity].pop().end = end
            elif closes:
                tally.add(UNPAIRED, where)
    by_type: list[Edge] = []
    by_entity: list[Edge] = []
    for mention in found:
        span = _span(mention, tally, where)
        if span is None:
            continue
        by_entity.append(Edge((span,), mention.entity))
        if mention.kind:
            by_type.append(Edge((span,), mention.kind))
    return tuple(by_type), tuple(by_entity)


def _span(mention: _Mention, tally: Tally, where: str) -> Span | None:
    """The span of a mention; None, and counted, if it has none."""
    if mention.end is None:
        tally.add(UNPAIRED, where)
    elif _PART.fullmatch(mention.entity):
        tally.add(DISCONTINUOUS, where)
    elif mention.start >= mention.end:
        tally.add(UNWRITTEN, where)
    else:
        return mention.start, mention.end
    return None
