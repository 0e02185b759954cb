"""The CoNLL-U reader: what it reads, what it leaves out, and the line it names when a file is
malformed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from probekit.corpora.passage import Edge, Passage
from probekit.corpora.readers.conllu import BAD_CONSTITUENTS, BAD_ROLES, read_file
from probekit.corpora.readers.conllu_file import (
    BAD_ENTITY,
    BAD_HEAD,
    EMPTY_CELL,
    NO_HEADER,
    NO_ID,
    SPACES,
)
from probekit.corpora.readers.ignored import IGNORED_TEXTS
from probekit.corpora.readers.masks import MASKED_DOCUMENTS, MASKED_SENTENCES
from probekit.corpora.tally import Tally
from probekit.errors import CorpusError

GOOD = """\
# newdoc id = d1
# sent_id = s1
# text = Don't  go!
1-2\tDon't\t_\t_\t_\t_\t_\t_\t_\t_
1\tDo\tdo\tAUX\tVBP\tMood=Imp\t3\taux\t_\t_
2\tn't\tnot\tPART\tRB\t_\t3\tadvmod\t_\t_
2.1\tyou\tyou\tPRON\tPRP\t_\t_\t_\t_\t_
3\tgo\tgo\tVERB\tVB\t_\t0\troot\t_\tSpaceAfter=No
4\t!\t!\tPUNCT\t.\t_\t3\tpunct\t_\t_

# newdoc id = d2
1\t_\t_\tSYM\tNFP\t_\t0\troot\t_\t_
2\tx\t_\tX\tFW\t_\t1\tdep\t_\t_
"""


def read(
    text: str | bytes, folder: Path, name: str = "file.conllu"
) -> tuple[Sequence[Passage], Counter[str]]:
    path = folder / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    tally = Tally()
    return read_file(path, tally), +tally


def test_words_tags_and_dependencies(tmp_path: Path) -> None:
    (first, second), tally = read(GOOD, tmp_path)
    assert (first.id, first.document, first.words) == ("s1", "d1", ("Do", "n't", "go", "!"))
    assert first.tags["upos"] == ("AUX", "PART", "VERB", "PUNCT")
    assert first.tags["feats"] == ("Mood=Imp", None, None, None)
    assert first.edges["dependencies"] == (
        Edge(((2, 3), (0, 1)), "aux"),
        Edge(((2, 3), (1, 2)), "advmod"),
        Edge(((2, 3), (3, 4)), "punct"),
    )
    assert (second.id, second.document) == ("file-2", "d2")
    assert second.tags["lemma"] == ("_", None)  # the lemma of "_" is "_"; "x" has none
    assert not tally


def test_line_ends_byte_order_mark_and_comments_at_the_end(tmp_path: Path) -> None:
    expected, _ = read(GOOD, tmp_path)
    text = "\ufeff" + GOOD.replace("\n", "\r\n") + "\r\n# the end\r\n"
    assert read(text, tmp_path)[0] == expected


def test_file_without_documents_is_one(tmp_path: Path) -> None:
    text = "1\ta" + "\t_" * 8 + "\n\n1\tb" + "\t_" * 8
    passages, _ = read(text, tmp_path, "mine.conllu")
    assert [(p.id, p.document) for p in passages] == [("mine-1", "mine"), ("mine-2", "mine")]
    assert (
        passages[0].tags == {} and passages[0].edges == {}
    )  # a column of nothing but _ is no annotation


PLUS = """\
# global.columns = ID FORM UPOS MISC PROBEKIT:CONST PROBEKIT:PRED PROBEKIT:ROLES
# global.Entity = eid-etype
1\tAnn\tPROPN\tEntity=(e1-person)\t(TOP(S(NP*)\t_\t(ARG0*)|(ARG0*)
2\ttried\tVERB\t_\t(VP*\ttry.01\t(V*)|*
3\tto\tPART\t_\t(S(VP*\t_\t(ARG1*|*
4\trun\tVERB\t_\t(VP*))))))\trun.02\t*)|(V*)

1\tYes\tINTJ\t_\t_\t_\t_
"""


def test_plus_columns(tmp_path: Path) -> None:
    (first, second), _ = read(PLUS, tmp_path)
    assert first.edges["constituents"] == (
        Edge(((0, 4),), "S"),
        Edge(((0, 1),), "NP"),
        Edge(((1, 4),), "VP"),
        Edge(((2, 4),), "S"),
        Edge(((3, 4),), "VP"),
    )
    assert first.edges["roles"] == (
        Edge(((1, 2), (0, 1)), "ARG0"),
        Edge(((1, 2), (2, 4)), "ARG1"),
        Edge(((3, 4), (0, 1)), "ARG0"),
    )
    assert first.edges["entities"] == (Edge(((0, 1),), "person"),)
    assert first.edges["mentions"] == (Edge(((0, 1),), "e1"),)
    assert "constituents" not in second.edges
    assert second.edges["roles"] == () and second.edges["mentions"] == ()
    assert "dependencies" not in first.edges and "lemma" not in first.tags


def masked(document: str, words: list[str]) -> str:
    rows = "".join(f"{i}\t{word}\t_\tX" + "\t_" * 6 + "\n" for i, word in enumerate(words, 1))
    return f"# newdoc id = {document}\n{rows}\n"


def test_masked_documents_and_sentences_are_left_out_and_counted(tmp_path: Path) -> None:
    text = masked("a", ["_", "_", "_"]) + masked("b", ["A", "_"]) + masked("c", ["x"] * 9)
    text += (
        "1\t_\t_\tX"
        + "\t_" * 6
        + "\n2\t_\t_\tX"
        + "\t_" * 6
        + "\n\n"
        + masked("d", ["_", "!", "_"])
    )
    passages, tally = read(text, tmp_path)
    assert [p.document for p in passages] == ["b", "c"]
    assert tally == {MASKED_DOCUMENTS: 2, MASKED_SENTENCES: 3}


def test_entities_without_header_are_counted(tmp_path: Path) -> None:
    passages, tally = read("1\ta" + "\t_" * 7 + "\tEntity=(PER)\n", tmp_path)
    assert tally == {NO_HEADER: 1} and passages[0].edges == {}


def row(number: str, form: str = "w", head: str = "0", rest: int = 3) -> str:
    return "\t".join([number, form, "l", "X", "_", "_", head, "dep", *"_" * (rest - 1)])


MALFORMED = {
    "nine columns": (row("1", rest=2), 1, "9 columns"),
    "eleven columns": (row("1", rest=4), 1, "11 columns"),
    "spaces for tabs": ("1  w  l  X  _  _  0  dep  _  _", 1, "1 columns"),
    "bad id": (f"# c\n{row('x')}", 2, "ID 'x' is not a number"),
    "id out of sequence": (f"{row('1')}\n{row('3')}", 2, "out of sequence, expected 2"),
    "id again": (f"{row('1')}\n{row('1')}", 2, "out of sequence"),
    "starts at two": (row("2"), 1, "out of sequence, expected 1"),
    "id zero": (row("0"), 1, "out of sequence"),
    "empty form": (row("1", ""), 1, "FORM is empty"),
    "range backwards": (f"{row('1-1')}\n{row('1')}", 1, "bad range '1-1'"),
    "range out of place": (f"{row('1')}\n{row('3-4')}\n{row('2')}", 2, "bad range '3-4'"),
    "ranges overlap": (
        f"{row('1-3')}\n{row('1')}\n{row('2-3')}\n{row('2')}\n{row('3')}",
        3,
        "bad range",
    ),
    "range too long": (f"{row('1-3')}\n{row('1')}\n{row('2')}", 3, "extends to word 3"),
    "empty node out of place": (f"{row('1')}\n{row('3.1')}", 2, "empty node '3.1'"),
    "no words": (row("0.1"), 1, "without words"),
    "second sentence": (f"{row('1')}\n\n\n# c\n{row('7')}", 5, "ID '7'"),
    "no form column": ("# global.columns = ID UPOS\n1\tX", 1, "lacks the column FORM"),
}
ROLES = "# global.columns = ID FORM PROBEKIT:PRED PROBEKIT:ROLES\n"
FIRST = row("1", head="2")
ANNOTATIONS = ["dependencies", "entities", "mentions"]
ENTITY = "# global.Entity = eid-etype\n"

UNREADABLE = {
    "head out of range": (f"{FIRST}\n{row('2', head='3')}", 2, BAD_HEAD, {"dependencies"}),
    "head no number": (f"{FIRST}\n{row('2', head='x')}", 2, BAD_HEAD, {"dependencies"}),
    "head negative": (f"{FIRST}\n{row('2', head='-1')}", 2, BAD_HEAD, {"dependencies"}),
    "head other digits": (f"{FIRST}\n{row('2', head='²')}", 2, BAD_HEAD, {"dependencies"}),
    "head of many digits": (f"{FIRST}\n{row('2', head='1' * 5000)}", 2, BAD_HEAD, {"dependencies"}),
    "self-loop": (f"{FIRST}\n{row('2', head='2')}", 2, BAD_HEAD, {"dependencies"}),
    "entity": (
        f"{ENTITY}{FIRST[:-1]}Entity=(1-a)\n{row('2')[:-1]}Entity=b",
        3,
        BAD_ENTITY,
        {"entities", "mentions"},
    ),
    "entity header": (
        f"# global.Entity = etype-identity\n{FIRST}\n{row('2')[:-1]}Entity=(a-b)",
        3,
        NO_ID,
        {"entities", "mentions"},
    ),
    "no entity header": (
        f"{FIRST}\n{row('2')[:-1]}Entity=(a-b)",
        2,
        NO_HEADER,
        {"entities", "mentions"},
    ),
    "constituents": (
        "# global.columns = ID FORM PROBEKIT:CONST\n1\ta\t(S*\n2\tb\t*))",
        3,
        BAD_CONSTITUENTS,
        {"constituents"},
    ),
    "role bits": (f"{ROLES}1\ta\tgo.01\t(V*)\n2\tb\t_\t*|*", 3, BAD_ROLES, {"roles"}),
    "roles lacking": (f"{ROLES}1\ta\tgo.01\t_\n2\tb\t_\t_", 2, BAD_ROLES, {"roles"}),
    "empty last column": (f"{FIRST}\n{row('2').removesuffix('_')}", 2, EMPTY_CELL, set()),
    "double space": (f"{FIRST}\n{row('2', 'a  b')}", 2, SPACES, set()),
}


@pytest.mark.parametrize("case", UNREADABLE)
def test_what_cannot_be_read_is_absent_for_its_sentence_counted_and_located(
    case: str, tmp_path: Path
) -> None:
    text, line, kind, absent = UNREADABLE[case]
    path = tmp_path / "file.conllu"
    path.write_text(f"{text}\n\n")
    tally = Tally()
    (passage,) = read_file(path, tally)
    assert +tally == {kind: 1}
    assert tally.warnings()[0].startswith(f"1 {kind} (first: {path}:{line}")
    assert not absent & set(passage.edges)
    assert len(passage.words) == 2


def test_the_other_sentences_keep_what_one_lacks(tmp_path: Path) -> None:
    bad = f"{FIRST[:-1]}Entity=b\n{row('2', head='9')}\n\n"
    good = f"{FIRST[:-1]}Entity=(1-a)\n{row('2')}\n\n"
    passages, tally = read(ENTITY + good + bad + good, tmp_path)
    assert [sorted(p.edges) for p in passages] == [ANNOTATIONS, [], ANNOTATIONS]
    assert [p.tags["upos"] for p in passages] == [("X", "X")] * 3
    assert tally == {BAD_HEAD: 1, BAD_ENTITY: 1}


@pytest.mark.parametrize("header", ["identity-etype-GRP", "new-EID-x-etype", "eid-made_up"])
def test_entity_fields_in_any_order(header: str, tmp_path: Path) -> None:
    fields = header.split("-")
    bracket = "-".join("e1" if name.casefold() in ("eid", "grp") else name for name in fields)
    text = f"# global.Entity = {header}\n{FIRST[:-1]}Entity=({bracket})\n{row('2')}\n"
    (passage,), tally = read(text, tmp_path)
    assert passage.edges["mentions"] == (Edge(((0, 1),), "e1"),) and not tally
    assert passage.edges.get("entities", ()) == (
        (Edge(((0, 1),), "etype"),) if "etype" in fields else ()
    )


@pytest.mark.parametrize("case", MALFORMED)
def test_malformed_files_name_the_line(case: str, tmp_path: Path) -> None:
    text, line, message = MALFORMED[case]
    with pytest.raises(CorpusError) as error:
        read(text + "\n", tmp_path)
    assert str(error.value).startswith(f"{tmp_path / 'file.conllu'}:{line}: ")
    assert message in str(error.value)
    assert "\n" not in str(error.value)


def test_bad_bytes_name_the_line(tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match=r"file\.conllu:3: byte 0xff is not UTF-8"):
        read(b"# a\n# b\n1\t\xff\t_\n", tmp_path)


def test_missing_file(tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match="cannot read"):
        read_file(tmp_path / "none.conllu", Tally())


FORMS = st.text(
    st.characters(codec="utf-8", exclude_categories=["C", "Z"]), min_size=1, max_size=6
).filter(lambda form: form != "_" and not form.startswith("#"))
LABELS = st.from_regex(r"[A-Z]{1,3}", fullmatch=True)


@st.composite
def passages(draw: st.DrawFn) -> Passage:
    """A passage with tags, dependencies (every word has a head), and flat constituents."""
    words = tuple(draw(st.lists(FORMS, min_size=1, max_size=8)))
    n = len(words)
    upos = tuple(draw(st.lists(LABELS, min_size=n, max_size=n)))
    heads = []
    for i in range(n):
        others = [head for head in range(n + 1) if head != i + 1]
        heads.append(draw(st.sampled_from(others)))
    arcs = tuple(
        Edge(((head - 1, head), (i, i + 1)), draw(LABELS)) for i, head in enumerate(heads) if head
    )
    cuts = sorted(draw(st.sets(st.integers(0, n), max_size=4)))
    phrases = tuple(Edge((span,), draw(LABELS)) for span in pairwise(cuts))
    edges = {"dependencies": arcs, "constituents": phrases}
    return Passage(draw(st.uuids(version=4).map(str)), "doc", words, {"upos": upos}, edges)


def write(passage: Passage) -> str:
    """The passage as CoNLL-U Plus, with a multi-word token and an empty node that no reader must
    count."""
    heads = {
        edge.spans[1][0]: (edge.spans[0][1], edge.label) for edge in passage.edges["dependencies"]
    }
    starts = {edge.spans[0][0]: edge.label for edge in passage.edges["constituents"]}
    ends = {edge.spans[0][1] - 1 for edge in passage.edges["constituents"]}
    lines = [f"# sent_id = {passage.id}", "# a comment  with = signs", "0.1\t+" + "\t_" * 5]
    if len(passage.words) > 1:
        lines.append("1-2\t+" + "\t_" * 5)
    for i, word in enumerate(passage.words):
        head, label = heads.get(i, (0, "root"))
        bit = (f"({starts[i]}" if i in starts else "") + "*" + (")" if i in ends else "")
        lines.append(f"{i + 1}\t{word}\t{passage.tags['upos'][i]}\t{head}\t{label}\t_\t{bit}")
    return "\n".join(lines) + "\n\n"


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(made=st.lists(passages(), min_size=1, max_size=3))
def test_round_trip(made: list[Passage], tmp_path: Path) -> None:
    header = "# global.columns = ID FORM UPOS HEAD DEPREL MISC PROBEKIT:CONST\n# newdoc id = doc\n"
    found, tally = read(header + "".join(map(write, made)), tmp_path)
    assert not tally
    for given_one, read_one in zip(made, found, strict=True):
        assert read_one.words == given_one.words and read_one.tags["upos"] == given_one.tags["upos"]
        assert read_one.edges["dependencies"] == given_one.edges["dependencies"]
        assert read_one.edges.get("constituents", ()) == tuple(
            edge for edge in given_one.edges["constituents"] if edge.label not in ("TOP", "ROOT")
        )
        assert (read_one.id, read_one.document) == (given_one.id, "doc")


def test_agrees_with_the_conllu_package(ewt_dev: Path) -> None:
    """The referee takes features, heads and ids apart itself."""
    import conllu

    passages = read_file(ewt_dev, Tally())
    referee = conllu.parse(ewt_dev.read_text(encoding="utf-8"))
    assert len(passages) == len(referee) == 2001
    for passage, sentence in zip(passages, referee, strict=True):
        tokens = [token for token in sentence if isinstance(token["id"], int)]
        assert passage.id == sentence.metadata["sent_id"]
        assert list(passage.words) == [token["form"] for token in tokens]
        assert list(passage.tags["upos"]) == [token["upos"] for token in tokens]
        assert list(passage.tags["xpos"]) == [token["xpos"] for token in tokens]
        features = []
        for token in tokens:
            pairs = token["feats"] and [f"{key}={value}" for key, value in token["feats"].items()]
            features.append(pairs and "|".join(pairs))
        assert list(passage.tags["feats"]) == features
        arcs = [(token["head"], token["id"], token["deprel"]) for token in tokens if token["head"]]
        edges = passage.edges["dependencies"]
        assert [(edge.spans[0][1], edge.spans[1][1], edge.label) for edge in edges] == arcs


def test_ignored_labels_are_missing_but_a_word_may_be_such_a_number(tmp_path: Path) -> None:
    text = (
        "1\t-100\t-100\tX\t-100\t_\t0\troot\t_\tKind=-100\n2\tx\tx\tX\t-1\t_\t1\tdep\t_\tKind=a\n"
    )
    (passage,), tally = read(text, tmp_path)
    assert passage.words[0] == "-100" and passage.tags["lemma"] == ("-100", "x")
    assert passage.tags["xpos"] == (None, "-1")
    assert tally == {IGNORED_TEXTS.format(column="xpos"): 1}
