"""Mentions from `Entity=` in the MISC column, as GUM and CorefUD write it.

`# global.Entity = GRP-etype-infstat-…` names the fields of an opening bracket. A value is a run of
opening brackets `(7-abstract-new`, closing ones `7)` and mentions of one word `(7-abstract-new)`,
glued together. A part of a discontinuous mention bears its number: `(7[1/2]-abstract`, `7[1/2])`.
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
_PIECE = re.compile(r"\(([^()]+)(\)?)|([^()]+)\)")
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
        """From the value of `# global.Entity`.

        Raises ValueError where no field is the id (`eid` or `GRP`).
        """
        names = [name.strip().casefold() for name in header.split("-")]
        ids = [i for i, name in enumerate(names) if name in ("eid", "grp")]
        types = [i for i, name in enumerate(names) if name in ("etype", "entity")]
        if not ids:
            raise ValueError(f"global.Entity '{header}' has neither a field 'eid' nor 'GRP'")
        return cls(ids[0], types[0] if types else None, len(names))

    def split(self, content: str) -> tuple[str, str]:
        """Id and type (empty where there is none) of a bracket's content; a closing bracket may
        hold the id alone."""
        values = content.split("-", self.count - 1)
        if len(values) <= self.id:
            return content, ""
        kind = "" if self.type is None or self.type >= len(values) else values[self.type]
        return values[self.id], "" if kind == "_" else kind


class Piece(NamedTuple):
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
    """The value of `Entity=` in a MISC column, empty where there is none."""
    match = _VALUE.search(misc)
    return match.group(1) if match else ""


def pieces(value: str) -> list[Piece]:
    """The brackets glued together in a value.

    Raises ValueError for a value that is not a run of brackets.
    """
    found: list[Piece] = []
    at = 0
    while at < len(value):
        match = _PIECE.match(
            value, at
        )  # from where the last one ended: searching on from every letter is quadratic
        if not match:
            raise ValueError(
                f"Entity '{shortened(value)}' is not a run of '(id-…', '(id-…)' and 'id)'"
            )
        found.append(Piece(match[1] or match[3], match[1] is not None, bool(match[2] or match[3])))
        at = match.end()
    return found


def read_mentions(
    nodes: Iterable[tuple[int, int, list[Piece]]],
    fields: EntityFields,
    tally: Tally,
    where: str = "",
) -> tuple[tuple[Edge, ...], tuple[Edge, ...]]:
    """The mentions of a sentence in the order they open: by type (those that have one), and by
    entity.

    Args: nodes: `(start, end, pieces)` of each node that has brackets: the words before the node,
        the words up to
            and with it, and its brackets. A word has `end = start + 1`, an empty node `end =
            start`.
        fields: what the header says.
        tally: counts what is left out.
        where: the place of the sentence.
    """
    found: list[_Mention] = []
    open_ones: defaultdict[str, list[_Mention]] = defaultdict(list)
    for start, end, brackets in nodes:
        for content, opens, closes in brackets:
            entity, kind = fields.split(content)
            if opens:
                found.append(_Mention(start, entity, kind))
                open_ones[entity].append(found[-1])
            if closes and open_ones[entity]:
                open_ones[entity].pop().end = end
            elif closes:
                tally.add(UNPAIRED, where)
    kept = [(span, mention) for mention in found if (span := _span(mention, tally, where))]
    typed = tuple(Edge((span,), mention.kind) for span, mention in kept if mention.kind)
    return typed, tuple(Edge((span,), mention.entity) for span, mention in kept)


def _span(mention: _Mention, tally: Tally, where: str) -> Span | None:
    """Its words; None, counted, where it has no span."""
    if mention.end is None:
        tally.add(UNPAIRED, where)
    elif _PART.fullmatch(mention.entity):
        tally.add(DISCONTINUOUS, where)
    elif mention.start >= mention.end:
        tally.add(UNWRITTEN, where)
    else:
        return mention.start, mention.end
    return None
