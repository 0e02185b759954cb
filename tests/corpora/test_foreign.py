"""Foreign data has types: bad cards, files and folders are an error in a line or two, in bounded
time. One row per case."""

from __future__ import annotations

import json
import os
import time
from collections import Counter
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from probekit.corpora import find
from probekit.corpora.card import load_card
from probekit.corpora.load import load_corpus
from probekit.corpora.passage import Passage
from probekit.corpora.readers import entities
from probekit.corpora.readers.conll2012 import BAD_CONSTITUENTS, BAD_MENTIONS
from probekit.corpora.readers.conllu_file import BAD_ENTITY, BAD_HEAD, EMPTY_CELL
from probekit.corpora.readers.edges import BAD_SPAN, BAD_TARGET, NO_TARGETS
from probekit.corpora.readers.entities import UNPAIRED
from probekit.corpora.tidy import overlap
from probekit.errors import ProbekitError
from probekit.foreign import DEPTH, TOML_BYTES, json_value, shortened

SECONDS = 5  # a bad input is refused within
LETTERS = 600  # of a message, at most, its path aside

CARD = 'title = "t"\nlicence = "l"\nreader = "conllu"\nannotations = ["upos"]\n'
FILES = '[files]\ntrain = "a.conllu"\n'
PINNED = f'[[sources]]\nrepo = "o/r"\ncommit = "{"0" * 40}"\npath = "a"\nsha256 = "x"\n'
DEEP = 100_000


def refused(act: Callable[[], object], folder: Path) -> str:
    """The message with which an act is refused, in bounded time and length."""
    begin = time.perf_counter()
    with pytest.raises(ProbekitError) as error:
        act()
    assert time.perf_counter() - begin < SECONDS
    message = str(error.value).replace(str(folder), "")
    assert len(message) < LETTERS and message.count("\n") <= 1
    return message


@pytest.mark.parametrize(
    ("card", "message"),
    [
        pytest.param("x = " + "[" * DEEP, "deep", id="list-deep"),
        pytest.param(
            "x = " + "[" * 100 + "]" * 100, f"more than {DEPTH} deep", id="list-deeper-than-allowed"
        ),
        pytest.param("x = " + "{a = " * 20_000, "deep", id="table-deep"),
        pytest.param("a." * DEEP + "a = 1", "a key of more than 32 parts", id="key-deep"),
        pytest.param(
            "[" + '"a" . ' * 20_000 + "a]", "a key of more than 32 parts", id="header-deep"
        ),
        pytest.param("x" * 200_000, "not TOML", id="one-word"),
        pytest.param("'a" * 100_000, "not TOML", id="quotes"),
        pytest.param("x".join("." * 100_000), "not TOML", id="points"),
        pytest.param("#" * (TOML_BYTES + 1), "larger than 262,144 bytes", id="large"),
        pytest.param("bytes = 1" + "0" * 5_000, "not TOML", id="integer-of-5000-digits"),
        pytest.param(
            "bytes = 0x1" + "0" * 5_000, "more than 64 bits", id="hexadecimal-of-5000-digits"
        ),
        pytest.param(CARD + 'x = "\\ud800"', "not TOML", id="lone-surrogate"),
        pytest.param("\0", "not TOML", id="zero-byte"),
        pytest.param("", "'title' is missing", id="empty"),
        pytest.param("k" * 100_000 + " = 1", "unknown key", id="long-key"),
        pytest.param(
            CARD.replace('"conllu"', '"' + "c" * 100_000 + '"') + FILES,
            "unknown reader",
            id="long-reader",
        ),
        pytest.param(CARD.replace('"t"', "1"), "'title' takes a text, not 1", id="title-number"),
        pytest.param(
            CARD.replace('"t"', "[" * 60 + "]" * 60), "'title' takes a text", id="title-list"
        ),
        pytest.param(
            CARD.replace('"l"', "2020-01-01"), "'licence' takes a text", id="licence-date"
        ),
        pytest.param(CARD.replace('"conllu"', "nan"), "'reader' takes a text", id="reader-nan"),
        pytest.param(
            CARD.replace('["upos"]', '"upos"'),
            "'annotations' takes a list of texts",
            id="annotations-text",
        ),
        pytest.param(
            CARD.replace('["upos"]', "[1]"),
            "'annotations' takes a list of texts",
            id="annotations-number",
        ),
        pytest.param(CARD + 'files = "a"', "'files' takes a table of texts", id="files-text"),
        pytest.param(
            CARD + "[files]\ntrain = []", "'files' takes a table of texts", id="file-list"
        ),
        pytest.param(CARD + "[files]\ntrain = ''", "no file", id="file-empty"),
        pytest.param(
            CARD + '[files]\ntrain = "a\\u0000b"',
            "cannot be the name of a file",
            id="file-zero-byte",
        ),
        pytest.param(CARD + f'[files]\ntrain = "{"a" * 5_000}"', "too long", id="file-long"),
        pytest.param(CARD + '[files]\ntrain = "/"', "no file", id="file-folder"),
        pytest.param(CARD + '[files]\ntrain = "/dev/zero"', "no file", id="file-endless"),
        pytest.param(CARD + "sources = [1]", "'sources' takes", id="source-number"),
        pytest.param(CARD + "sources = [[]]", "'sources' takes", id="source-list"),
        pytest.param(
            CARD + PINNED + "bytes = true", "'bytes' takes a number, not True", id="bytes-true"
        ),
        pytest.param(CARD + PINNED + "bytes = -1", "not -1", id="bytes-negative"),
        pytest.param(CARD + PINNED + "bytes = 1.5", "'bytes' takes a number", id="bytes-float"),
        pytest.param(
            CARD + PINNED.replace('"o/r"', '"' + "o" * 9_000 + '"'), "OWNER/REPO", id="repo-long"
        ),
        pytest.param(
            CARD + FILES + "[columns]\nwords = 1",
            "'columns' takes a table of texts",
            id="column-number",
        ),
        pytest.param(CARD + "dataset = false", "'dataset' takes a text", id="dataset-bool"),
    ],
)
def test_bad_cards(card: str, message: str, tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(card)
    assert message in refused(lambda: load_corpus(path), tmp_path)


def test_cards_may_begin_with_a_byte_order_mark(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_bytes(b"\xef\xbb\xbf" + (CARD + FILES).encode())
    assert load_card(path).title == "t"
    path.write_bytes(b"\xff\xfe")
    assert "not TOML" in refused(lambda: load_card(path), tmp_path)


GOOD = {"tokens": ["a"], "tag": ["X"]}
EDGE = {"text": "a b", "targets": [{"span1": [0, 1], "label": "x"}]}


def line(**changes: object) -> str:
    return json.dumps({**GOOD, **changes})


def edge(**changes: object) -> str:
    return json.dumps({**EDGE, **changes})


def target(**changes: object) -> str:
    return edge(targets=[{"span1": [0, 1], "label": "x", **changes}])


WORD = "1\ta\t_\tX\t_\t_\t0\t_\t_\t_\n"
ENTITY = "# global.Entity = eid-etype\n" + WORD[:-2] + "Entity="
CONLL = "d 0 0 a X * - - - - * (1)\n"
LEFT_OUT = "rows are left out: not one label per word in 'tag'"


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        # JSON for `datasets`
        pytest.param("train.jsonl", "", "is empty", id="jsonl-empty"),
        pytest.param("train.jsonl", "\n \n", "is empty", id="jsonl-blank"),
        pytest.param("train.json", "[]", "has no row", id="json-empty-list"),
        pytest.param(
            "train.json", "[1]", "row 1: expected a JSON object", id="json-list-of-numbers"
        ),
        pytest.param("train.jsonl", "{}\n{}", "no keys", id="jsonl-empty-objects"),
        pytest.param("train.jsonl", "1", "jsonl:1: expected a JSON object", id="jsonl-number"),
        pytest.param("train.jsonl", "null", "jsonl:1: expected a JSON object", id="jsonl-null"),
        pytest.param("train.jsonl", "{", "jsonl:1: not JSON", id="jsonl-cut"),
        pytest.param(
            "train.jsonl",
            line() + '\n{"a": ' + "[" * DEEP,
            "jsonl:2: lists or objects more",
            id="jsonl-deep",
        ),
        pytest.param(
            "train.json", "[" * DEEP, "lists or objects more than 64 deep", id="json-deep"
        ),
        pytest.param(
            "train.jsonl",
            '{"a": ' * 900 + "1" + "}" * 900,
            "more than 64 deep",
            id="jsonl-900-deep",
        ),
        pytest.param(
            "train.jsonl",
            '{"tokens": [' + "1" * 5_000 + "]}",
            "an integer too long",
            id="jsonl-long-integer",
        ),
        pytest.param(
            "train.jsonl",
            line(tokens=["\ud800"]),
            "half a surrogate pair (\\ud800)",
            id="jsonl-surrogate",
        ),
        pytest.param(
            "train.jsonl", line(**{"\udfff": 1}), "half a surrogate pair", id="jsonl-surrogate-key"
        ),
        pytest.param(
            "train.jsonl",
            line(**{f"c{i}": 1 for i in range(2_000)}),
            "1,000 columns",
            id="jsonl-wide",
        ),
        pytest.param("train.jsonl", "\xff", "is not UTF-8", id="jsonl-latin"),
        pytest.param(
            "train.jsonl", line(tokens=3), "no words in column 'tokens'", id="jsonl-words-number"
        ),
        pytest.param(
            "train.jsonl",
            line(tokens={"a": "b"}),
            "no words in column 'tokens'",
            id="jsonl-words-object",
        ),
        pytest.param("train.jsonl", line(tokens=None), "empty split", id="jsonl-null-words"),
        # Parquet
        pytest.param("train.parquet", "", "as Parquet", id="parquet-empty"),
        pytest.param(
            "train.parquet", "PAR1" + "x" * 100 + "PAR1", "as Parquet", id="parquet-damaged"
        ),
        # edge probing
        pytest.param("train.json", edge(text=1), "empty split", id="edges-text-number"),
        pytest.param(
            "train.json", target(label="\ud83d"), "half a surrogate pair", id="edges-surrogate"
        ),
        pytest.param(
            "train.json", edge()[:-1] + ', "x": ' + "[" * DEEP, "more than 64 deep", id="edges-deep"
        ),
        pytest.param(
            "train.json",
            target(label=1).replace("1}", "1" * 5_000 + "}"),
            "too long",
            id="edges-long-integer",
        ),
        # CoNLL-U
        pytest.param(
            "train.conllu",
            WORD.replace("1", "1" * 5_000, 1),
            "out of sequence",
            id="conllu-long-id",
        ),
        pytest.param(
            "train.conllu",
            WORD + f"2-{'9' * 5_000}" + WORD[1:],
            "not a number",
            id="conllu-long-range",
        ),
        pytest.param(
            "train.conllu",
            WORD + f"1.{'9' * 5_000}" + WORD[1:],
            "not a number",
            id="conllu-long-empty-node",
        ),
        pytest.param(
            "train.conllu", "#" * 1_000_000 + "\n", "empty split", id="conllu-long-comment"
        ),
    ],
)
def test_bad_files(name: str, content: str, message: str, tmp_path: Path) -> None:
    (tmp_path / name).write_text(content, encoding="latin-1" if content == "\xff" else "utf-8")
    assert message in refused(lambda: load_corpus(tmp_path), tmp_path)


@pytest.mark.parametrize(
    ("name", "content", "warning"),
    [
        pytest.param(
            "train.jsonl", line(x=10**30), "not read: x", id="jsonl-integer-beyond-64-bits"
        ),
        pytest.param(
            "train.jsonl", line() + "\n" + line(tag=3), f"1 {LEFT_OUT}", id="jsonl-tags-number"
        ),
        pytest.param(
            "train.jsonl", line() + "\n" + line(tag=[{}]), f"1 {LEFT_OUT}", id="jsonl-tags-objects"
        ),
        pytest.param(
            "train.jsonl",
            line() + "\n" + line(tag=["X", "Y"]),
            f"1 {LEFT_OUT}",
            id="jsonl-a-tag-too-many",
        ),
        pytest.param("train.json", edge(targets={}), f"1 {NO_TARGETS}", id="edges-targets-object"),
        pytest.param("train.json", edge(targets=[1]), f"1 {BAD_TARGET}", id="edges-target-number"),
        pytest.param("train.json", edge(info=[]), "", id="edges-info-list"),
        pytest.param("train.json", edge(info={"document_id": {}}), "", id="edges-document-object"),
        pytest.param("train.json", target(label={}), f"1 {BAD_TARGET}", id="edges-label-object"),
        pytest.param("train.json", target(label=None), f"1 {BAD_TARGET}", id="edges-label-null"),
        pytest.param(
            "train.json", target(label=[["x"]]), f"1 {BAD_TARGET}", id="edges-label-lists"
        ),
        pytest.param(
            "train.json", target(span1=[False, True]), f"1 {BAD_SPAN}", id="edges-span-bool"
        ),
        pytest.param("train.json", target(span1=[0, 1, 2]), f"1 {BAD_SPAN}", id="edges-span-three"),
        pytest.param(
            "train.json", target(span1=[0, 10**4_000]), f"1 {BAD_SPAN}", id="edges-span-huge"
        ),
        pytest.param(
            "train.json", target(span1=["0", "1"]), f"1 {BAD_SPAN}", id="edges-span-texts"
        ),
        pytest.param("train.json", target(span2=3), f"1 {BAD_SPAN}", id="edges-span2-number"),
        pytest.param(
            "train.conllu", WORD.replace("0", "9" * 5_000), f"1 {BAD_HEAD}", id="conllu-long-head"
        ),
        pytest.param(
            "train.conllu", WORD.replace("0", "٣"), f"1 {BAD_HEAD}", id="conllu-arabic-head"
        ),
        pytest.param(
            "train.conllu",
            ENTITY + "a" * 1_000_000 + "\n",
            f"1 {BAD_ENTITY}",
            id="conllu-entity-of-a-million",
        ),
        pytest.param(
            "train.conllu",
            ENTITY + "(a" * 500_000 + "\n",
            f"500,000 {UNPAIRED}",
            id="conllu-entities-open",
        ),
        pytest.param(
            "train.conllu", "# " + "= " * 300_000 + "\n" + WORD, "", id="conllu-odd-comment"
        ),
        pytest.param("train.conllu", WORD[:-2] + "\n", f"1 {EMPTY_CELL}", id="conllu-empty-cell"),
        pytest.param(
            "train_conll",
            CONLL.replace("*", "(" * 100_000 + "*", 1),
            f"1 {BAD_CONSTITUENTS}",
            id="conll-brackets",
        ),
        pytest.param(
            "train_conll", CONLL.replace("(1)", "a" * 60_000), f"1 {BAD_MENTIONS}", id="conll-chain"
        ),
    ],
)
def test_what_cannot_be_read_of_a_file_is_counted(
    name: str, content: str, warning: str, tmp_path: Path
) -> None:
    """And located, in bounded time; the words are read."""
    (tmp_path / name).write_text(content)
    begin = time.perf_counter()
    corpus = load_corpus(tmp_path)
    assert time.perf_counter() - begin < SECONDS
    assert corpus.splits["train"][0].words[0] == "a"
    found = [text for text in corpus.warnings if warning in text]
    assert found and all(len(text) < LETTERS for text in corpus.warnings)
    assert not warning[:1].isdigit() or f"(first: {tmp_path / name}:" in found[0]


def test_parquet_without_rows_or_with_odd_metadata(tmp_path: Path) -> None:
    import pyarrow
    from pyarrow import parquet

    table = pyarrow.table({"tokens": [["a"]], "tag": [["X"]]})
    path = tmp_path / "train.parquet"
    parquet.write_table(table.slice(0, 0), path)
    assert "has no row" in refused(lambda: load_corpus(tmp_path), tmp_path)
    for metadata in ('{"info": 1}', '{"info": {"features": 3}}', "[" * DEEP):
        parquet.write_table(table.replace_schema_metadata({"huggingface": metadata}), path)
        if metadata.startswith("["):
            assert "more than 64 deep" in refused(lambda: load_corpus(tmp_path), tmp_path)
        else:
            assert load_corpus(tmp_path).splits["train"][0].tags["tag"] == ("X",)


def test_parquet_with_odd_values(tmp_path: Path) -> None:
    import datasets
    import pyarrow
    from pyarrow import parquet

    path = tmp_path / "train.parquet"
    bytes_of_a_word = pyarrow.array([b"\xff"]).buffers()
    word = pyarrow.Array.from_buffers(pyarrow.string(), 1, bytes_of_a_word)
    parquet.write_table(
        pyarrow.table({"tokens": pyarrow.ListArray.from_arrays([0, 1], word)}), path
    )
    assert "Invalid UTF" in refused(lambda: load_corpus(tmp_path), tmp_path)
    label = datasets.Features(
        {"tokens": [datasets.Value("string")], "tag": [datasets.ClassLabel(names=["A", "B"])]}
    )
    table = pyarrow.table({"tokens": [["a"], ["b"]], "tag": [[7], [1]]})
    metadata = json.dumps({"info": {"features": label.to_dict()}})
    parquet.write_table(table.replace_schema_metadata({"huggingface": metadata}), path)
    corpus = load_corpus(tmp_path)
    assert [p.tags["tag"] for p in corpus.splits["train"]] == [("B",)]
    assert any(
        text.startswith(f"1 {LEFT_OUT}") and f"{path}, row 1" in text for text in corpus.warnings
    )


def test_parquet_that_promises_more_than_it_can_hold(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import pyarrow
    from pyarrow import parquet

    from probekit.corpora.readers import rows

    words = pyarrow.DictionaryArray.from_arrays([0] * 300_000, ["a" * 1_000]).cast(pyarrow.string())
    parquet.write_table(
        pyarrow.table({"tokens": words}), tmp_path / "train.parquet", compression="zstd"
    )
    monkeypatch.setattr(rows, "ALLOWANCE", 1_000)
    monkeypatch.setattr(rows, "EXPANSION", 0)
    assert "too many for a file of its size" in refused(lambda: load_corpus(tmp_path), tmp_path)


def test_local_files_are_read_as_they_are_now(tmp_path: Path) -> None:
    """Nothing is stored that a later run could read in place of a file."""
    for word in ("old", "new"):
        (tmp_path / "train.jsonl").write_text(line(tokens=[word]))
        stamp = (tmp_path / "train.jsonl").stat().st_mtime_ns
        os.utime(tmp_path / "train.jsonl", ns=(0, 0))
        assert stamp and load_corpus(tmp_path).splits["train"][0].words == (word,)


def test_rows_as_a_list_and_keys_that_come_late(tmp_path: Path) -> None:
    rows = [{"tokens": ["a"]}, {"tokens": ["b"], "note": "x"}, {"tokens": ["c", "d"], "tag": None}]
    (tmp_path / "train.json").write_text(json.dumps(rows, indent=1))
    assert [p.words for p in load_corpus(tmp_path).splits["train"]] == [("a",), ("b",), ("c", "d")]


def test_a_text_of_two_million_words(tmp_path: Path) -> None:
    words = "word " * 2_000_000
    (tmp_path / "train.json").write_text(edge(text=words))
    begin = time.perf_counter()
    corpus = load_corpus(tmp_path)
    assert len(corpus.splits["train"][0].words) == 2_000_000 and time.perf_counter() - begin < 10


@pytest.mark.parametrize("corpus", ["", "hf:", "hf::", "bad\0name", "a" * 5_000, "\udcff"])
def test_names_that_are_none(corpus: str, tmp_path: Path) -> None:
    refused(lambda: load_corpus(corpus), tmp_path)


def test_the_walk_is_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for i in range(30):
        (tmp_path / f"f{i}").mkdir()
        (tmp_path / f"f{i}" / "a.txt").write_text("")
    monkeypatch.setattr(find, "ENTRIES", 40)
    for folder in (str(tmp_path), "/"):
        assert "more than 40 files and folders" in refused(partial(load_corpus, folder), tmp_path)


def test_links_and_odd_names(tmp_path: Path) -> None:
    (tmp_path / "loop").symlink_to(tmp_path)
    assert "no file called train" in refused(lambda: load_corpus(tmp_path), tmp_path)
    (tmp_path / os.fsdecode(b"train-\xff.conllu")).write_text(WORD)
    assert "not UTF-8" in refused(lambda: load_corpus(tmp_path), tmp_path)


@pytest.mark.parametrize(
    "name", ["train.json", "train.conllu", "train.parquet", "train_conll", "mine.toml"]
)
def test_unreadable_files(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As for a user without permission, whoever runs the tests."""
    path = tmp_path / name
    path.write_text("x")
    opened = Path.open

    def denied(self: Path, *args: object, **kwargs: object) -> object:
        if self == path:
            raise PermissionError(13, "Permission denied", str(self))
        return opened(self, *args, **kwargs)  # type: ignore[call-overload]

    monkeypatch.setattr(Path, "open", denied)
    message = refused(lambda: load_corpus(path if name == "mine.toml" else tmp_path), tmp_path)
    assert "cannot read" in message and name in message


def test_an_unreadable_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def denied(_: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(os, "scandir", denied)
    assert "cannot read the folder" in refused(lambda: load_corpus(tmp_path), tmp_path)


SENTENCE = "".join(f"{i}\tw{i}\t_\tX\t_\t_\t_\t_\t_\t_\n" for i in range(1, 7)) + "\n"


def test_a_treebank_as_cloned(tmp_path: Path) -> None:
    (tmp_path / "xx-ud-test.conllu").write_text(WORD)
    (tmp_path / "not-to-release").mkdir()
    (tmp_path / "not-to-release" / "xx-ud-train.conllu").write_text(SENTENCE)
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "xx-ud-dev.conllu").write_text(SENTENCE)
    corpus = load_corpus(tmp_path)
    assert {split: len(passages) for split, passages in corpus.splits.items()} == {
        "train": 0,
        "dev": 0,
        "test": 1,
    }
    assert (
        corpus.warnings[0]
        == f"read in {tmp_path}: test from xx-ud-test.conllu; its sub-folders were not read"
    )
    (tmp_path / "xx-ud-test.conllu").unlink()
    corpus = load_corpus(tmp_path)
    assert corpus.warnings[0] == f"read in {tmp_path}: dev from other/xx-ud-dev.conllu"


def test_sentences_shared_between_splits_are_counted() -> None:
    def passages(*texts: str) -> tuple[Passage, ...]:
        return tuple(Passage(str(i), str(i), tuple(text.split())) for i, text in enumerate(texts))

    train = passages("a b c d e", "a b", "p q r s t")
    test = passages("a b c d e", "a b", "f g h i j", "a b c d e f", "p q r s t u")
    (warning,) = overlap({"train": train, "dev": passages("a b", "q r s t u v"), "test": test})
    assert warning.startswith("1 of 4 test sentences (25%) are word for word in train as well")
    assert "fewer than 5 words not counted" in warning
    assert (
        overlap(
            {"train": train, "test": passages("a b c d e", *(f"a b c d {i}" for i in range(100)))}
        )
        == []
    )
    assert overlap({"test": test}) == []
    (of_dev,) = overlap({"train": passages("a b"), "dev": train, "test": test})
    assert of_dev.startswith("1 of 4 test sentences (25%) are word for word in dev as well")
    assert of_dev.endswith("choices made on dev favour test")


def test_brackets_glued_together_are_linear() -> None:
    assert entities.split_brackets("(1-a(2-b)3)") == [
        ("1-a", True, False),
        ("2-b", True, True),
        ("3", False, True),
    ]
    begin = time.perf_counter()
    assert len(entities.split_brackets("(1-a" * 200_000)) == 200_000
    assert time.perf_counter() - begin < SECONDS
    for odd in ("a", "(1)a", "()", "(", ")", "(1))"):
        with pytest.raises(ValueError, match="is not a run"):
            entities.split_brackets(odd)


def test_json_values() -> None:
    assert json_value('{"a": "\\ud83d\\ude00", "b": [1, null]}') == {"a": "😀", "b": [1, None]}
    assert json_value("[" * DEPTH + "]" * DEPTH)
    assert json_value('["' + "[" * 1_000 + '"]') == ["[" * 1_000]
    assert shortened("x" * 100) == "x" * 77 + "…" and len(shortened([["x" * 100] * 9] * 9)) <= 80
    assert Counter(shortened(i) for i in range(3)).total() == 3
