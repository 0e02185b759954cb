"""`Entity=` in MISC: GUM's and CorefUD's brackets, glued, nested, discontinuous, and back again."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from probekit.corpora.passage import Edge
from probekit.corpora.readers.entities import (
    DISCONTINUOUS,
    UNPAIRED,
    UNWRITTEN,
    EntityFields,
    read_mentions,
    split_brackets,
    value_of,
)
from probekit.corpora.tally import Tally

GUM = EntityFields.of("GRP-etype-infstat-salience-centering-minspan-link-identity")


def mentions(
    values: list[str], fields: EntityFields = GUM
) -> tuple[list[tuple[int, int, str]], list[tuple[int, int, str]], Counter[str]]:
    """Entities and mentions of words with these values, as (start, end, label)."""
    tally = Tally()
    nodes = [(i, i + 1, split_brackets(value)) for i, value in enumerate(values) if value]
    typed, found = read_mentions(nodes, fields, tally)
    return [(*e.spans[0], e.label) for e in typed], [(*e.spans[0], e.label) for e in found], tally


def test_gum_sentence_by_hand() -> None:
    """From GUM_academic_exposure-2: commas in minspan, colons in infstat, four brackets closed at
    once."""
    values = [
        "(4-abstract-new-nnnnn-cf4-2-sgl",
        "(5-abstract-new-nnnnn-cf5-3-sgl",
        "(6-abstract-new-nnnnn-cf3-2,4-sgl",
        "(7-abstract-new-nnnss-cf6-2-coref(3-abstract-giv:act-sssss-cf1-1-coref)",
        "7)6)5)4)",
        "(86-place-new-sssss-cf5-1,2,4-coref-Saint%2DDenis_%28Paris%29)",
    ]
    typed, found, tally = mentions(values)
    assert found == [(0, 5, "4"), (1, 5, "5"), (2, 5, "6"), (3, 5, "7"), (3, 4, "3"), (5, 6, "86")]
    assert [label for *_, label in typed] == ["abstract"] * 5 + ["place"]
    assert not tally


def test_header_says_which_field_is_what() -> None:
    older = EntityFields.of("entity-GRP-infstat-MIN-coref_type-identity")
    typed, found, _ = mentions(["(person-12-new-1-coref", "(place-3-new-1-sgl)person-12)"], older)
    assert found == [(0, 2, "12"), (1, 2, "3")]
    assert typed == [(0, 2, "person"), (1, 2, "place")]
    assert EntityFields.of("eid-head").type is None
    assert mentions(["(e1-1)"], EntityFields.of("eid-head"))[0] == []
    with pytest.raises(ValueError, match="neither"):
        EntityFields.of("etype-head")


def test_closing_first_then_opening_and_the_same_entity_nested() -> None:
    _, found, _ = mentions(["(1-a(1-a", "1)(2-b", "2)1)"])
    assert found == [(0, 3, "1"), (0, 2, "1"), (1, 3, "2")]


def test_what_has_no_span_is_counted() -> None:
    _, found, tally = mentions(["(3[1/2]-a)(1-a", "9)", "(3[2/2]-a", "3[2/2])1)(8-b"])
    assert found == [(0, 4, "1")]
    assert tally == {DISCONTINUOUS: 2, UNPAIRED: 2}


def test_empty_nodes_count_for_nothing() -> None:
    tally = Tally()
    nodes = [
        (0, 1, split_brackets("(1-a")),
        (1, 1, split_brackets("1)(2-a)(3-a")),
        (1, 2, split_brackets("3)")),
    ]
    _, found = read_mentions(nodes, GUM, tally)
    assert found == (Edge(((0, 1),), "1"), Edge(((1, 2),), "3"))
    assert tally == {UNWRITTEN: 1}


@pytest.mark.parametrize("value", ["person", "(1-a)x", "((1-a)", ")", "(1-a))", "()"])
def test_malformed_values(value: str) -> None:
    with pytest.raises(ValueError, match="is not a run"):
        split_brackets(value)


def test_value_in_misc() -> None:
    assert value_of("SpaceAfter=No|Entity=(1-a)|X=y") == "(1-a)"
    assert value_of("MyEntity=(1-a)") == ""


def _apart_or_nested(one: tuple[int, int], other: tuple[int, int]) -> bool:
    apart = one[1] <= other[0] or other[1] <= one[0]
    inside = other[0] <= one[0] and one[1] <= other[1]
    around = one[0] <= other[0] and other[1] <= one[1]
    return apart or inside or around


@st.composite
def nested(draw: st.DrawFn) -> list[tuple[int, int, str]]:
    """Well-nested mentions with distinct entities over eight words, in the order they open."""
    found: list[tuple[int, int]] = []
    for start, length in draw(
        st.lists(st.tuples(st.integers(0, 7), st.integers(1, 8)), max_size=6)
    ):
        span = (start, min(8, start + length))
        if all(_apart_or_nested(span, other) for other in found):
            found.append(span)
    ordered = sorted(found, key=lambda span: (span[0], -span[1]))
    return [(*span, str(i)) for i, span in enumerate(ordered)]


@given(nested())
def test_entities_round_trip(made: list[tuple[int, int, str]]) -> None:
    values = []
    for i in range(8):
        closing = [f"{name})" for start, end, name in reversed(made) if end == i + 1 and start < i]
        opening = [
            f"({name}-t{name}-x" + (")" if end == i + 1 else "")
            for start, end, name in made
            if start == i
        ]
        values.append("".join(closing + opening))
    typed, found, tally = mentions(values)
    assert found == made
    assert typed == [(start, end, f"t{name}") for start, end, name in made]
    assert not tally
