"""CSV and TSV: rows of sentences, of spans, and of words."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from probekit.corpora.load import load_corpus
from probekit.corpora.passage import Corpus, Edge, Passage
from probekit.corpora.readers.delimited import read
from probekit.corpora.readers.delimited_sentences import (
    BAD_ROW,
    BAD_SPAN,
    NO_TEXT,
    REPEATED,
    WIDENED,
)
from probekit.corpora.readers.reading import Material, Reading
from probekit.errors import CorpusError

CARD = 'title = "t"\nlicence = "CC0-1.0"\nreader = "csv"\nannotations = ["stars"]\n'


def reading(folder: Path, text: str, name: str = "train.csv", **columns: str) -> Reading:
    """One file, read as the training split."""
    path = folder / name
    path.write_bytes(text.encode())
    return read(Material("made", {"train": (path,)}, columns=columns))


def train(folder: Path, text: str, name: str = "train.csv", **columns: str) -> list[Passage]:
    return list(reading(folder, text, name, **columns).splits["train"])


def whole(words: int, label: str) -> Edge:
    return Edge(((0, words),), label)


def test_texts_with_labels(tmp_path: Path) -> None:
    text = '\ufeffText,Label\r\n"A ""fine"", long\r\nfilm",good\r\n\r\n Bad  one ,bad\r\n'
    first, second = train(tmp_path, text)
    assert first.words == ("A", '"fine",', "long", "film") and second.words == ("Bad", "one")
    assert first.edges == {"Label": (whole(4, "good"),)}
    assert second.edges == {"Label": (whole(2, "bad"),)}
    assert first.id == first.document == "train-2" and second.id == "train-5"


def test_rows_of_one_text_are_one_sentence(tmp_path: Path) -> None:
    text = "sentence\tlabel\tdoc_id\na b\tx\t1\nc\ty\t1\na b\tz\t1\na b\tx\t2\n"
    first, second, third = train(tmp_path, text, "train.tsv")
    assert first.edges["label"] == (whole(2, "x"), whole(2, "z"))
    assert second.words == ("c",) and third.words == ("a", "b")
    assert [p.document for p in (first, second, third)] == ["1", "1", "2"]


def test_a_text_that_is_repeated_is_counted(tmp_path: Path) -> None:
    """Also where its labels differ; but several spans of one text are what such files are for."""
    found = reading(tmp_path, "text,label\nfine film,good\nbad,bad\nfine film,bad\n")
    assert found.tally[REPEATED] == 1 and found.tally.first[REPEATED].endswith("train.csv:4")
    spans = reading(tmp_path, "text,start_word,end_word,label\na b,0,1,x\na b,1,2,y\n")
    assert REPEATED not in spans.tally


def test_a_quotation_mark_in_tsv_is_a_character(tmp_path: Path) -> None:
    text = 'text\tlabel\n"a" b "c"\tx\n"say ""a"""\tx\n"\ty\n"""a\tz\n'
    assert [p.words for p in train(tmp_path, text, "train.tsv")] == [
        ('"a"', "b", '"c"'),
        ("say", '"a"'),
        ('"',),
        ('"""a',),
    ]


@pytest.mark.parametrize(
    ("labels", "found"),
    [
        (["1", "", "-1", "-100", "0"], ["1", "0"]),
        (["a", "_", "-1", "-100", "b"], ["a", "-1", "b"]),
        (["1.0", "", "-1.0", "-100.0", "0.0"], ["1.0", "0.0"]),
    ],
)
def test_missing_labels(labels: list[str], found: list[str], tmp_path: Path) -> None:
    rows = [f"w{i},{label}" for i, label in enumerate(labels)]
    passages = train(tmp_path, "\n".join(["text,label", *rows]))
    assert len(passages) == 5
    assert [edge.label for p in passages for edge in p.edges["label"]] == found


def test_what_cannot_be_read_is_counted_and_located(tmp_path: Path) -> None:
    head = "text,label,start_char,end_char"
    rows = ["a b,x,0,1", " ,x,0,1", "a b,x,0", "a b,x,1,9", "a b,x,,", "ab cd,x,1,3"]
    found = reading(tmp_path, "\n".join([head, *rows]))
    path = tmp_path / "train.csv"
    kinds = {NO_TEXT: (1, 3), BAD_ROW: (1, 4), BAD_SPAN: (2, 5), WIDENED: (1, 7)}
    for kind, (times, line) in kinds.items():
        assert found.tally[kind] == times and found.tally.first[kind] == f"{path}:{line}"
    first, second = found.splits["train"]
    assert first.edges["label"] == (Edge(((0, 1),), "x"),)
    assert second.edges["label"] == (Edge(((0, 1),), "x"),)


def test_spans_in_characters_and_in_words(tmp_path: Path) -> None:
    text = "a  big dog"
    in_characters = f"text,label,start_char,end_char\n{text},x,3,10\n{text},y,0,2\n"
    in_words = f"text,label,start_word,end_word\n{text},x,1,3\n{text},y,0,1\n"
    expected = [Passage("train-2", "train-2", ("a", "big", "dog"))]
    expected[0] = Passage(
        "train-2",
        "train-2",
        ("a", "big", "dog"),
        {},
        {"label": (Edge(((1, 3),), "x"), Edge(((0, 1),), "y"))},
    )
    assert train(tmp_path, in_characters) == train(tmp_path, in_words) == expected


def test_two_spans(tmp_path: Path) -> None:
    head = "text,label,start_word,end_word,start_word2,end_word2"
    (passage,) = train(tmp_path, f"{head}\na b c,x,2,3,0,2\n")
    assert passage.edges["label"] == (Edge(((2, 3), (0, 2)), "x"),)


def test_other_columns_are_named(tmp_path: Path) -> None:
    found = reading(tmp_path, "text,label,year\na,x,1999\n")
    assert found.warnings == ["columns not read: year"]
    assert set(found.splits["train"].edges) == {"label"}
    assert train(tmp_path, "text,grammatical\na,yes\n")[0].edges == {
        "grammatical": (whole(1, "yes"),)
    }


WORDS = [
    ("blank.tsv", "word\ttag\na\tDET\ndog\tNOUN\n\t\nHm\tINTJ\n"),
    ("ids.csv", "sent_id,word,tag\n1,a,DET\n1,dog,NOUN\n2,Hm,INTJ\n"),
    ("first.csv", "Sentence #,Word,tag\nSentence: 1,a,DET\n,dog,NOUN\nSentence: 2,Hm,INTJ\n"),
]


@pytest.mark.parametrize(("name", "text"), WORDS)
def test_words_with_tags(name: str, text: str, tmp_path: Path) -> None:
    first, second = train(tmp_path, text, name)
    assert first.words == ("a", "dog") and second.words == ("Hm",)
    assert first.tags == {"tag": ("DET", "NOUN"), "upos": ("DET", "NOUN")}


def test_words_with_several_columns(tmp_path: Path) -> None:
    text = 'word,ner,pos,doc\n",",0,x,d1\na,-1,-1,d1\n\nb,,y,d2\n'
    found = reading(tmp_path, text, document="doc", entity="ner")
    first, second = found.splits["train"]
    assert first.words == (",", "a") and (first.document, second.document) == ("d1", "d2")
    assert first.tags == {"entity": ("0", None), "pos": ("x", "-1")}
    assert second.tags == {"entity": (None,), "pos": ("y",)}
    assert found.tally.first == {
        "labels of 'ner' are missing values: -100 and the number -1 mark words to be ignored": (
            f"{tmp_path / 'train.csv'}:2"
        )
    }


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "train.csv:1: the first row must name the columns"),
        ("text,text\n", "train.csv:1: two columns are called 'text'"),
        ("review,stars\n", "no column of words or texts is recognised by its name"),
        ("text;label\n", "commas separate the cells of .csv"),
        ("text,a,b\n", "no column of labels is recognised by its name (its columns: text, a, b)"),
        ("text,label,start,end\n", "'start' and 'end' may count characters or words"),
        ("text,label,start_char\n", "'start_char' has no other end"),
        ("text,label,start_char,end_char,start_word,end_word\n", "not in both"),
        ('text,label\na,b\n"c,d\n', "train.csv:3: not CSV, unexpected end of data"),
        ('text,label\n"a"b,d\n', "train.csv:2: not CSV"),
        (f"text,label\n{'a' * (csv.field_size_limit() + 1)},b\n", "csv:2: not CSV, field larger"),
        ("word,tag\na,x\nb\n", "train.csv:3: 1 cells, but the file has 2 columns"),
        ("word,tag\n" + "a,x\n" * 1001, "one sentence of 1,001 words"),
        (",".join(f"c{i}" for i in range(1001)), "1,001 columns"),
        ("text,label\na,\x00b\ud800".encode("utf-8", "surrogatepass").decode("latin-1"), ""),
    ],
)  # fmt: skip
def test_a_file_in_doubt_is_refused(text: str, message: str, tmp_path: Path) -> None:
    if not message:
        (tmp_path / "train.csv").write_bytes(text.encode("latin-1"))
        with pytest.raises(CorpusError, match=r"train.csv:2: byte 0xed is not UTF-8"):
            read(Material("made", {"train": (tmp_path / "train.csv",)}))
        return
    with pytest.raises(CorpusError) as error:
        reading(tmp_path, text)
    assert message in str(error.value) and str(tmp_path / "train.csv") in str(error.value)


def test_files_with_other_columns_are_refused(tmp_path: Path) -> None:
    (tmp_path / "train.csv").write_text("text,label\na,x\n")
    (tmp_path / "test.csv").write_text("text,class\na,x\n")
    with pytest.raises(CorpusError, match=r"test.csv: its columns differ .*labels in 'class', not"):
        load_corpus(tmp_path)


def test_a_card_names_columns(tmp_path: Path) -> None:
    for split in ("train", "dev", "test"):
        (tmp_path / f"{split}.csv").write_text(f"review,note,rating\n{split} b,c,5\n")
    files = "".join(f'{split} = "{split}.csv"\n' for split in ("train", "dev", "test"))
    card = tmp_path / "mine.toml"
    columns = '[columns]\ntext = "review"\nstars = "rating"\n'
    card.write_text(f"{CARD}[files]\n{files}{columns}")
    corpus = load_corpus(card)
    assert corpus.splits["dev"][0].edges == {"stars": (whole(2, "5"),)}
    assert corpus.warnings == ("columns not read: note",)
    card.write_text(f"{CARD}[files]\n{files}{columns.replace('review', 'reviews')}")
    with pytest.raises(
        CorpusError, match=r"no column 'reviews' \(its columns: review, note, rating"
    ):
        load_corpus(card)


def test_one_file_is_split_and_keeps_a_text_in_one_split(tmp_path: Path) -> None:
    rows = [f"text {i % 30},{'xy'[i % 2]}" for i in range(90)]
    (tmp_path / "mine.csv").write_text("\n".join(["text,label", *rows]))
    corpus: Corpus = load_corpus(tmp_path / "mine.csv")
    sizes = {split: len(passages) for split, passages in corpus.splits.items()}
    assert sizes == {"train": 24, "dev": 3, "test": 3}
    assert sum(len(p.edges["label"]) for p in corpus.passages()) == 90
