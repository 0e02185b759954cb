"""The join of UD and PropBank, by hand and as a whole."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from probekit.corpora.passage import Corpus, Edge
from probekit.corpora.readers.conll2012 import BAD_CONSTITUENTS, BAD_ROLES
from probekit.corpora.readers.propbank import BAD_ROWS, read
from probekit.corpora.readers.reading import Material
from probekit.errors import CorpusError


def _sentence(name: str, words: str) -> str:
    rows = [f"{i}\t{word}{EMPTY}\n" for i, word in enumerate(words.split(), 1)]
    return f"# sent_id = {name}\n{''.join(rows)}\n"


EMPTY = "\t_" * 8
UD = (
    _sentence("weblog-doc_1-0001", "Dogs bark")
    + _sentence("weblog-doc_1-0002", "One more word")
    + _sentence("weblog-doc_1-0003", "Not there")
    + _sentence("weblog-other-0001", "Unknown")
)
SKELETON = """\
d 0 0 [WORD] NNS (TOP(S(NP*) -    -       (ARG0*)
d 0 1 [WORD] VBP (VP*)))     bark bark.01 (V*)

d 1 0 [WORD] CD (TOP(NP* - -
d 1 1 [WORD] NN *))      - -
"""


def material(folder: Path, skeleton: str = SKELETON) -> Material:
    (folder / "ud.conllu").write_text(UD)
    archive = {"data/google/ewt/weblog/00/doc_1.xml.gold_skel": skeleton.encode()}
    return Material("x", {"train": (folder / "ud.conllu",)}, archive)


def test_joins_where_word_counts_agree(tmp_path: Path) -> None:
    reading = read(material(tmp_path))
    first, *rest = reading.splits["train"]
    assert first.edges["roles"] == (Edge(((1, 2), (0, 1)), "ARG0"),)
    assert [edge.label for edge in first.edges["constituents"]] == ["S", "NP", "VP"]
    assert (
        all("roles" not in p.edges and "constituents" not in p.edges for p in rest)
        and len(rest) == 3
    )
    assert reading.warnings[0].startswith(
        "1 of 4 sentences are joined with PropBank; 2 that have another number"
    )
    assert "1 in documents that PropBank lacks" in reading.warnings[0]


@pytest.mark.parametrize(
    ("old", "new", "line", "message"),
    [
        ("d 1 0", "d x 0", 4, "no sentence number"),
    ],
)
def test_malformed_skeletons_name_the_line(
    old: str, new: str, line: int, message: str, tmp_path: Path
) -> None:
    assert old in SKELETON
    with pytest.raises(CorpusError) as error:
        read(material(tmp_path, SKELETON.replace(old, new)))
    assert f"doc_1.xml.gold_skel:{line}: " in str(error.value) and message in str(error.value)


@pytest.mark.parametrize(
    ("old", "new", "kind", "first", "left"),
    [
        ("(V*)", "", BAD_ROWS, "gold_skel:2: 8 columns, expected 9", set()),
        (
            "(VP*)))",
            "(VP*))",
            BAD_CONSTITUENTS,
            "gold_skel:1: bracket '(TOP' is not closed",
            {"roles"},
        ),
        ("(V*)", "(V*))", BAD_ROLES, "gold_skel:2: '(V*))' closes", {"constituents"}),
    ],
)
def test_what_cannot_be_read_is_absent(
    old: str, new: str, kind: str, first: str, left: set[str], tmp_path: Path
) -> None:
    assert old in SKELETON
    reading = read(material(tmp_path, SKELETON.replace(old, new)))
    assert set(reading.splits["train"][0].edges) == left
    assert reading.tally == {kind: 1} and first in reading.tally.first[kind]


@pytest.mark.slow
def test_official_counts(ewt: Corpus) -> None:
    assert {split: len(passages) for split, passages in ewt.splits.items()} == {
        "train": 12544,
        "dev": 2001,
        "test": 2077,
    }
    assert sum(len(p.words) for p in ewt.splits["train"]) == 204577
    assert sum("roles" in p.edges for p in ewt.passages()) == 16550
    assert ewt.warnings == (
        "16,550 of 16,622 sentences are joined with PropBank; "
        "29 that have another number of words there and "
        "43 in documents that PropBank lacks go without roles and constituents",
    )
    assert not ewt.modified


def test_the_join_means_what_it_should(ewt: Corpus) -> None:
    """Nearly every predicate is a verb, auxiliary, noun or adjective in UD; a join that slipped
    would not be."""
    predicates: Counter[str | None] = Counter()
    for passage in ewt.splits["dev"]:
        starts = {edge.spans[0][0] for edge in passage.edges.get("roles", ())}
        predicates.update(passage.tags["upos"][start] for start in starts)
    usual = sum(predicates[tag] for tag in ("VERB", "AUX", "NOUN", "ADJ"))
    assert usual > 0.98 * predicates.total() > 2000


def test_a_sentence_by_hand(ewt: Corpus) -> None:
    killed = next(p for p in ewt.splits["train"] if p.id.endswith("ENG_20051126_063000-0001"))
    verb = killed.words.index("killed")
    arguments: dict[str, str] = {}
    for edge in killed.edges["roles"]:
        predicate, (start, end) = edge.spans
        if predicate[0] == verb:
            arguments[edge.label] = " ".join(killed.words[start:end])
    assert arguments["ARG0"] == "American forces"
    assert arguments["ARG1"].startswith("Shaikh Abdullah al - Ani")
