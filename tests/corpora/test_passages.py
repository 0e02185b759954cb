"""Passages in columns are the passages they were made of, and take some bytes per word."""

from __future__ import annotations

import hashlib
import pickle
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from probekit.corpora import passages as columns
from probekit.corpora.passage import Corpus, Edge, Passage
from probekit.corpora.passages import Passages
from probekit.corpora.texts import Texts
from probekit.errors import InputError

TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=3)
SPANS = st.tuples(st.integers(0, 9), st.integers(0, 9))
EDGES = st.builds(Edge, st.lists(SPANS, max_size=3).map(tuple), TEXTS)
MB_PER_MILLION = 150
LARGE, SMALL = 10_000, 2_000  # sentences of 20 words


@st.composite
def made(draw: st.DrawFn) -> Passage:
    words = draw(st.lists(TEXTS, max_size=4).map(tuple))
    values = st.lists(st.none() | TEXTS, min_size=len(words), max_size=len(words)).map(tuple)
    tags = draw(st.dictionaries(st.sampled_from(["upos", "misc"]), values))
    edges = draw(
        st.dictionaries(
            st.sampled_from(["roles", "mentions"]), st.lists(EDGES, max_size=3).map(tuple)
        )
    )
    return Passage(draw(TEXTS), draw(TEXTS), words, tags, edges)


@pytest.mark.slow
@settings(deadline=None)
@given(st.lists(made(), max_size=9), st.integers(1, 9), st.slices(9))
def test_they_are_what_they_were_made_of(given_ones: list[Passage], size: int, part: slice) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(columns, "CHUNK", size)
        patch.setattr(columns, "BLOCK", size)
        made_of = Passages.of(iter(given_ones))
        assert made_of == given_ones and list(made_of) == given_ones
        assert len(made_of) == len(given_ones)
        assert made_of[part] == given_ones[part]
        assert Passages.joined([made_of[:2], made_of[2:]]) == given_ones
        assert [made_of[i] for i in range(-len(made_of), 0)] == given_ones
        assert pickle.loads(pickle.dumps(list(made_of))) == given_ones
        corpus = Corpus("made", {"train": given_ones, "test": given_ones[part]})
        assert corpus.word_annotations == {name for passage in given_ones for name in passage.tags}
        assert corpus.span_annotations == {name for passage in given_ones for name in passage.edges}
        assert corpus.fingerprint == text_digest({"train": given_ones, "test": given_ones[part]})
        assert corpus.annotation == label_digest([*given_ones, *given_ones[part]])


def text_digest(splits: Mapping[str, Sequence[Passage]]) -> str:
    """What `Corpus.fingerprint` has been since stores were first written."""
    digest = hashlib.sha256()
    for split, passages in splits.items():
        digest.update(f"\x1d{split}".encode())
        for passage in passages:
            text = "\x1f".join(passage.words)
            digest.update(f"\x1e{passage.document}\x1c{text}".encode())
    return digest.hexdigest()


def label_digest(passages: Sequence[Passage]) -> str:
    """What `Corpus.annotation` has been."""
    digest = hashlib.sha256()
    for passage in passages:
        parts: list[str] = []
        for annotation in sorted(passage.tags):
            parts += [f"\x1d{annotation}", *map(str, passage.tags[annotation])]
        for annotation in sorted(passage.edges):
            parts.append(f"\x1e{annotation}")
            for edge in passage.edges[annotation]:
                parts += [edge.label, *map(str, edge.spans)]
        digest.update("\x1f".join(parts).encode())
    return digest.hexdigest()


def test_layers_of_a_passage_are_read_like_a_dictionary() -> None:
    edges = {"roles": (Edge(((0, 1), (1, 2)), "ARG0"),)}
    (passage, bare) = Passages.of(
        [Passage("1", "d", ("a", "b"), {"upos": ("X", None)}, edges), Passage("2", "d", ())]
    )
    assert passage.tags["upos"] == ("X", None) and {**passage.edges} == edges
    assert "roles" in passage.edges and "roles" not in bare.edges and bare.tags.get("upos") is None
    assert repr(passage.tags) == "{'upos': ('X', None)}"
    with pytest.raises(KeyError, match="xpos"):
        passage.tags["xpos"]


@pytest.mark.parametrize(
    ("passage", "message"),
    [
        (
            Passage("1", "d", ("a", "b"), {"upos": ("X",)}),
            "passage '1' has 2 words and 1 values in its annotation 'upos'",
        ),
        (Passage("1", "d", ("a",), {"upos": (3,)}), "passages are made of texts"),  # type: ignore[dict-item]
        (Passage("1", "d", ("\ud800",)), "passages are made of texts"),
        (Passage("1", "d", (None,)), "one of them is None"),  # type: ignore[arg-type]
    ],
)
def test_what_cannot_be_kept_is_refused(passage: Passage, message: str) -> None:
    with pytest.raises(InputError, match=message):
        Corpus("made", {"train": (passage,)})


def write_treebank(folder: Path, sentences: int) -> None:
    """Sentences of 20 words with every column of CoNLL-U: some thousand words, and values that are
    there once."""
    folder.mkdir()
    kinds = [f"word{i * i % 7919}" for i in range(8_000)]
    for split, n in (("train", sentences), ("dev", 10), ("test", 10)):
        lines = ["# global.Entity = eid-etype"]
        for number in range(n):
            lines += [f"# newdoc id = {split}{number}"] * (number % 10 == 0) + [
                f"# sent_id = {split}-{number}"
            ]
            for i in range(1, 21):
                word = kinds[(number * 20 + i * i) % 8_000]
                entity = f"Entity=(e{number}-person)|" if i == 5 else ""
                misc = f"{entity}Line={number}" if i % 5 == 0 else "_"
                cells = [
                    i,
                    word,
                    word,
                    "NOUN",
                    "NN",
                    f"Number=Sing|Case={i % 4}",
                    i - 1,
                    "dep",
                    "_",
                    misc,
                ]
                lines.append("\t".join(map(str, cells)))
            lines.append("")
        (folder / f"{split}.conllu").write_text("\n".join([*lines, ""]))


MEASURE = """
import sys
from pathlib import Path
from probekit.corpora.load import load_corpus

def peak():
    # Not getrusage: its peak outlives exec, and may be the parent process's.
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmHWM"):
            return int(line.split()[1]) * 1024
    raise ValueError("no VmHWM")

small = load_corpus(sys.argv[1])
before = peak()
large = load_corpus(sys.argv[2])
words = sum(int(large.offsets(split)[-1]) for split in large.splits)
print(words, (peak() - before) / words)
"""


@pytest.mark.slow
@pytest.mark.skipif(
    not Path("/proc/self/status").exists(), reason="no /proc/self/status to read the peak from"
)
def test_memory_for_a_million_words(tmp_path: Path) -> None:
    """Of a corpus that is read after a small one, which has imported what is needed."""
    write_treebank(tmp_path / "small", SMALL)
    write_treebank(tmp_path / "large", LARGE)
    command = [sys.executable, "-c", MEASURE, str(tmp_path / "small"), str(tmp_path / "large")]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    words, bytes_of_a_word = done.stdout.split()
    assert int(words) == 20 * LARGE + 400
    assert float(bytes_of_a_word) < MB_PER_MILLION


def test_texts_are_sliced_like_a_list_and_told_in_a_line() -> None:
    given = ["a", None, "b", "a", "c", "d", "e"]
    texts = Texts.of(given, optional=True)
    assert texts[0] == "a" and texts[1] is None and texts[-1] == "e"
    for chosen in (slice(2, 5), slice(None, None, -2), slice(9, 12)):
        assert texts[chosen].values() == given[chosen]
    with pytest.raises(IndexError):
        texts[7]
    assert repr(texts) == "Texts(7 texts: 'a', None, 'b', 'a', 'c', …)"
    assert repr(texts[:0]) == "Texts(0 texts)"
