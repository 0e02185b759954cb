"""Bracket bits against spans written by hand, and back again."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from probekit.corpora.passage import Edge
from probekit.corpora.readers.brackets import (
    NO_PREDICATE,
    BracketError,
    category_of,
    constituents,
    roles,
    spans,
)
from probekit.corpora.tally import Tally


def test_spans_by_hand() -> None:
    bits = ["(TOP(S(NP*", "*)", "(VP*", "(NP*)))", "*)"]
    assert spans(bits) == [
        ((0, 5), "TOP"),
        ((0, 4), "S"),
        ((0, 2), "NP"),
        ((2, 4), "VP"),
        ((3, 4), "NP"),
    ]


def test_bits_of_one_word_and_without_a_star() -> None:
    assert spans(["(PERSON)", "(A(B*))", "*"]) == [((0, 1), "PERSON"), ((1, 2), "A"), ((1, 2), "B")]


def test_constituents_keep_the_outermost_of_a_span() -> None:
    assert constituents(["(TOP(FRAG(NP-SBJ*)", "*))"]) == (
        Edge(((0, 2),), "FRAG"),
        Edge(((0, 1),), "NP"),
    )
    bits = ["(ROOT(S(VP-TPC=1(VP*", "(-LRB-*))))", "(*))"]  # the last bracket has no label
    assert constituents(bits) == (Edge(((0, 2),), "S"), Edge(((1, 2),), "-LRB-"))


@pytest.mark.parametrize(
    ("label", "category"),
    [("NP-SBJ", "NP"), ("NP=2", "NP"), ("PRT|ADVP", "PRT|ADVP"), ("-NONE-", "-NONE-"), ("", "")],
)
def test_function_tags(label: str, category: str) -> None:
    assert category_of(label) == category


def test_roles_by_hand() -> None:
    gave = ["(ARG0*)", "(V*)", "(ARG1*", "*)", "(R-ARG1*)"]
    made_up = ["*", "(V*", "*)", "(C-V*)", "(C-ARG1*)"]
    lost = ["*", "(ARG1*)", "*", "*", "*"]
    tally = Tally()
    assert roles([gave, made_up, lost], tally) == (
        Edge(((1, 2), (0, 1)), "ARG0"),
        Edge(((1, 2), (2, 4)), "ARG1"),
        Edge(((1, 2), (4, 5)), "R-ARG1"),
        Edge(((1, 3), (3, 4)), "C-V"),
        Edge(((1, 3), (4, 5)), "C-ARG1"),
    )
    assert tally == {NO_PREDICATE: 1}


@pytest.mark.parametrize(
    ("bits", "word"),
    [(["*", "*)"], 1), (["(A*", "*"], 0), (["*", "A"], 1), ([""], 0), (["*(A"], 0), (["(A* )"], 0)],
)
def test_bad_brackets_name_the_word(bits: list[str], word: int) -> None:
    with pytest.raises(BracketError) as error:
        spans(bits)
    assert error.value.word == word


def trees(words: int) -> st.SearchStrategy[list[str]]:
    """Bits of well-nested brackets: pairs of a random stack walk."""

    @st.composite
    def draw_bits(draw: st.DrawFn) -> list[str]:
        bits, depth = [], 0
        for i in range(words):
            opening = draw(st.lists(st.sampled_from(["NP", "VP", "S", "X-Y"]), max_size=3))
            depth += len(opening)
            closing = depth if i == words - 1 else draw(st.integers(0, depth))
            depth -= closing
            bits.append("".join(f"({label}" for label in opening) + "*" + ")" * closing)
        return bits

    return draw_bits()


@given(st.integers(1, 7).flatmap(trees))
def test_brackets_round_trip(bits: list[str]) -> None:
    found = spans(bits)
    assert len(found) == sum(bit.count("(") for bit in bits)
    for i, bit in enumerate(bits):
        opening = "".join(f"({label}" for (start, _), label in found if start == i)
        closing = ")" * sum(end == i + 1 for (_, end), _ in found)
        assert f"{opening}*{closing}" == bit
