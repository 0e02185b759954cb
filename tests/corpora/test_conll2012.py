"""CoNLL-2012, from a file written by hand."""

from __future__ import annotations

from pathlib import Path

import pytest

from probekit.corpora.passage import Edge
from probekit.corpora.readers.conll2012 import (
    BAD_CONSTITUENTS,
    BAD_ENTITIES,
    BAD_MENTIONS,
    BAD_ROLES,
    read_file,
)
from probekit.corpora.readers.masks import MASKED_DOCUMENTS
from probekit.corpora.tally import Tally
from probekit.errors import CorpusError

TEXT = """\
#begin document (nw/x); part 000
nw/x 0 0 Ann   NNP   (TOP(S(NP*) -   -  - spk (PERSON) (ARG0*) (ARG0*) (1)
nw/x 0 1 began VBD   (VP*        begin 01 1 spk *    (V*)    *       -
nw/x 0 2 to    TO    (S(VP*      -   -  - -   *      (ARG1*  *       (2
nw/x 0 3 sing  VB    (VP*))))    sing 01 - -   (WORK* *)      (V*)    (3)|2)
nw/x 0 4 /.    .     *))         -   -  - -   *)     *       *       -

nw/x 0 0 -LRB- -LRB- (TOP(X*)) - - - - * -

#end document
#begin document (nw/x); part 001
nw/x 1 0 Yes UH (TOP(INTJ*)) - - - - * (1)

#end document
"""


def test_every_layer(tmp_path: Path) -> None:
    path = tmp_path / "x.v4_gold_conll"
    path.write_text(TEXT)
    tally = Tally()
    first, second, third = read_file(path, tally)
    assert first.words == ("Ann", "began", "to", "sing", ".")
    assert first.tags["xpos"] == ("NNP", "VBD", "TO", "VB", ".")
    assert first.tags["speaker"] == ("spk", "spk", None, None, None)
    assert [(*e.spans[0], e.label) for e in first.edges["constituents"]] == [
        (0, 5, "S"),
        (0, 1, "NP"),
        (1, 4, "VP"),
        (2, 4, "S"),
        (3, 4, "VP"),
    ]
    assert first.edges["roles"] == (
        Edge(((1, 2), (0, 1)), "ARG0"),
        Edge(((1, 2), (2, 4)), "ARG1"),
        Edge(((3, 4), (0, 1)), "ARG0"),
    )
    assert first.edges["entities"] == (Edge(((0, 1),), "PERSON"), Edge(((3, 5),), "WORK"))
    assert first.edges["mentions"] == (
        Edge(((0, 1),), "1"),
        Edge(((2, 4),), "2"),
        Edge(((3, 4),), "3"),
    )
    assert second.words == ("(",) and second.edges["roles"] == ()
    assert [p.document for p in (first, second, third)] == ["nw/x_0", "nw/x_0", "nw/x_1"]
    assert not tally


@pytest.mark.parametrize(
    ("old", "new", "line", "message"),
    [
        ("(ARG1*  *       (2", "(ARG1* (2", 4, "13 columns, the sentence began with 14"),
        (
            "nw/x 1 0 Yes UH (TOP(INTJ*)) - - - - * (1)",
            "nw/x 1 0 Yes UH",
            12,
            "5 columns, expected at least 12",
        ),
    ],
)
def test_malformed_files_name_the_line(
    old: str, new: str, line: int, message: str, tmp_path: Path
) -> None:
    path = tmp_path / "x_conll"
    assert old in TEXT
    path.write_text(TEXT.replace(old, new))
    with pytest.raises(CorpusError) as error:
        read_file(path, Tally())
    assert str(error.value).startswith(f"{path}:{line}: ") and message in str(error.value)


@pytest.mark.parametrize(
    ("old", "new", "line", "kind", "absent"),
    [
        ("*)      (V*)    (3)|2)", "*       (V*)    (3)|2)", 4, BAD_ROLES, "roles"),
        ("(3)|2)", "x", 5, BAD_MENTIONS, "mentions"),
        ("(VP*))))", "(VP*)))", 2, BAD_CONSTITUENTS, "constituents"),
        ("(WORK*", "(WORK", 6, BAD_ENTITIES, "entities"),
    ],
)
def test_what_cannot_be_read_is_absent_for_its_sentence(
    old: str, new: str, line: int, kind: str, absent: str, tmp_path: Path
) -> None:
    path = tmp_path / "x_conll"
    assert old in TEXT
    text = TEXT.replace(old, new)
    if kind == BAD_ENTITIES:
        text = text.replace("*)     *       *       -", "*))    *       *       -")
    path.write_text(text)
    tally = Tally()
    first, second, _ = read_file(path, tally)
    assert tally == {kind: 1} and tally.first[kind].startswith(f"{path}:{line}: ")
    assert absent not in first.edges and absent in second.edges
    assert set(first.edges) == set(second.edges) - {absent}


def blank_columns(blank: str, last: str, separator: str) -> str:
    """Two sentences with coreference only: `blank` in the other columns, `last` where a word is no
    mention."""
    words = (("Ann", "(1)"), ("saw", last), ("the", "(2"), ("dog", "2)"), (".", last))
    rows = [
        separator.join(["book", "0", str(i), word, *[blank] * 8, mention])
        for i, (word, mention) in enumerate(words)
    ]
    return "\n".join(rows) + "\n\n"


@pytest.mark.parametrize("separator", ["\t", " "])
@pytest.mark.parametrize("last", ["-", "_", ""])
@pytest.mark.parametrize("blank", ["-", "_"])
def test_columns_without_annotation_are_absent(
    blank: str, last: str, separator: str, tmp_path: Path
) -> None:
    path = tmp_path / "x_conll"
    path.write_text(blank_columns(blank, last, separator) * 2)
    tally = Tally()
    passages = read_file(path, tally)
    assert len(passages) == 2 and not tally
    for passage in passages:
        assert (
            passage.edges == {"mentions": (Edge(((0, 1),), "1"), Edge(((2, 4),), "2"))}
            and passage.tags == {}
        )


def test_skeletons_are_masked(tmp_path: Path) -> None:
    path = tmp_path / "x_conll"
    path.write_text(TEXT.replace(" Yes ", " [WORD] "))
    tally = Tally()
    passages = read_file(path, tally)
    assert len(passages) == 2 and tally[MASKED_DOCUMENTS] == 1
    assert tally.first[MASKED_DOCUMENTS] == f"{path}:12"
