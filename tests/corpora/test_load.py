"""From a name or a path to a Corpus."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import pytest

from probekit.corpora.find import split_of
from probekit.corpora.load import load_corpus
from probekit.corpora.passage import Passage
from probekit.corpora.resplit import resplit
from probekit.corpora.tally import Tally
from probekit.corpora.tidy import disjoint, distinct
from probekit.errors import CorpusError, InputError


def sentence(word: str, document: str = "", name: str = "") -> str:
    comments = (f"# newdoc id = {document}\n" if document else "") + (
        f"# sent_id = {name}\n" if name else ""
    )
    return f"{comments}1\t{word}\t_\tX{'	_' * 6}\n\n"


def words(passages: Sequence[Passage]) -> list[str]:
    return [word for passage in passages for word in passage.words]


def conllu_folder(folder: Path, **texts: str) -> Path:
    for split, text in texts.items():
        (folder / f"xx-ud-{split}.conllu").write_text(text)
    return folder


def test_folder(tmp_path: Path) -> None:
    seen: list[float] = []
    folder = conllu_folder(tmp_path, train=sentence("a"), dev=sentence("b"), test=sentence("c"))
    (folder / "README.md").write_text("hello")
    corpus = load_corpus(folder, progress=lambda stage, done, total: seen.append(done))
    assert [words(corpus.splits[split]) for split in ("train", "dev", "test")] == [
        ["a"],
        ["b"],
        ["c"],
    ]
    assert corpus.name == tmp_path.name and corpus.card is None
    assert corpus.warnings == (
        f"read in {tmp_path}: train from xx-ud-train.conllu; dev from xx-ud-dev.conllu; "
        "test from xx-ud-test.conllu",
    )
    assert seen == sorted(seen) and len(seen) == 4


def test_folder_without_dev(tmp_path: Path) -> None:
    corpus = load_corpus(str(conllu_folder(tmp_path, train=sentence("a"), test=sentence("c"))))
    assert corpus.splits["dev"] == () and corpus.warnings[1:] == (
        f"'{tmp_path.name}' has no dev split",
    )


@pytest.mark.parametrize("empty", ["", "# only a comment\n", "1\t_\t_\tX" + "\t_" * 6 + "\n"])
def test_empty_split(empty: str, tmp_path: Path) -> None:
    folder = conllu_folder(tmp_path, train=sentence("a"), dev=empty, test=sentence("c"))
    with pytest.raises(CorpusError, match=r"empty split: 'dev'.*xx-ud-dev\.conllu"):
        load_corpus(folder)


def test_folders_of_other_formats(tmp_path: Path) -> None:
    edges = tmp_path / "edges"
    conll = tmp_path / "conll"
    for split in ("train", "development", "test"):
        (edges / split).mkdir(parents=True)
        line = {"text": split, "targets": [{"span1": [0, 1], "label": "x"}]}
        (edges / split / "part.json").write_text(json.dumps(line))
        (conll / split).mkdir(parents=True)
        (conll / split / "a.v4_gold_conll").write_text(
            f"{split} 0 0 {split} X (TOP*) - - - - * -\n"
        )
    assert words(load_corpus(edges).splits["dev"]) == ["development"]
    assert load_corpus(edges).span_annotations == {"targets"}
    assert words(load_corpus(conll).splits["dev"]) == ["development"]


def test_mixed_and_useless_folders(tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match="no file called train, dev or test"):
        load_corpus(tmp_path)
    (tmp_path / "train_conll").write_text("")
    with pytest.raises(CorpusError, match="mixes formats"):
        load_corpus(conllu_folder(tmp_path, test=sentence("a")))


def test_names_and_paths_that_are_not_there(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="unknown corpus 'sampel': did you mean 'sample'"):
        load_corpus("sampel")
    for path in (tmp_path / "none", tmp_path / "none.conllu", "./none", "none.conllu"):
        with pytest.raises(CorpusError, match="no such corpus file or folder"):
            load_corpus(path)
    (tmp_path / "x.txt").write_text("")
    with pytest.raises(CorpusError, match=r"cannot tell the format of x\.txt"):
        load_corpus(tmp_path / "x.txt")


def test_single_file_is_split_by_document(tmp_path: Path) -> None:
    path = tmp_path / "mine.conllu"
    path.write_text("".join(sentence(f"a{i}", f"d{i}") + sentence(f"b{i}") for i in range(40)))
    corpus = load_corpus(path)
    assert {split: len(passages) for split, passages in corpus.splits.items()} == {
        "train": 64,
        "dev": 8,
        "test": 8,
    }
    documents = [set(passages.documents.kinds()) for passages in corpus.splits.values()]
    assert (
        not documents[0] & documents[1]
        and not documents[0] & documents[2]
        and not documents[1] & documents[2]
    )
    assert (
        corpus.warnings[0]
        == "mine.conllu is one file: its 40 documents are split into 32 train, 4 dev and 4 test"
    )
    assert load_corpus(path).fingerprint == corpus.fingerprint


def test_single_document_is_split_by_sentence(tmp_path: Path) -> None:
    path = tmp_path / "mine.conllu"
    path.write_text("".join(sentence(f"a{i}") for i in range(10)))
    assert {split: len(p) for split, p in load_corpus(path).splits.items()} == {
        "train": 8,
        "dev": 1,
        "test": 1,
    }
    with pytest.raises(CorpusError, match="too few to split"):
        resplit([Passage("a", "d", ("x",)), Passage("b", "d", ("y",))], "f")


def test_repeated_ids_are_renamed(tmp_path: Path) -> None:
    folder = conllu_folder(
        tmp_path,
        train=sentence("a", name="1") + sentence("b", name="1"),
        test=sentence("c", name="1"),
    )
    corpus = load_corpus(folder)
    assert [p.id for p in corpus.passages()] == ["1", "1~2", "1~3"]
    assert "2 sentences are renamed: an earlier one has the same id (first: '1')" in corpus.warnings


def test_ids_that_restart_make_no_documents(tmp_path: Path) -> None:
    path = tmp_path / "ids.conllu"
    path.write_text("".join(sentence(f"w{i}", name=str(i % 3 + 1)) for i in range(60)))
    corpus = load_corpus(path)
    assert {split: len(passages) for split, passages in corpus.splits.items()} == {
        "train": 48,
        "dev": 6,
        "test": 6,
    }
    assert "its 60 sentences are split into 48 train, 6 dev and 6 test" in corpus.warnings[0]
    assert len({passage.id for passage in corpus.passages()}) == 60


def test_errors_carry_what_was_counted_before(tmp_path: Path) -> None:
    masked = "# newdoc\n1\t[WORD]\t_\tX" + "\t_" * 6 + "\n\n"
    path = tmp_path / "mine.conllu"
    path.write_text(masked * 4)
    with pytest.raises(
        CorpusError, match=r"too few to split.*\n.*4 documents are left out.*mine\.conllu:2"
    ):
        load_corpus(path)
    path.write_text(masked + "\n" + masked.replace("1\t", "9\t"))
    with pytest.raises(CorpusError, match="ID '9' is out of sequence"):
        load_corpus(path)
    good = tmp_path / "a-train.conllu"
    good.write_text(masked + sentence("a", "d"))
    (tmp_path / "b-train.conllu").write_text("9\ta\n")
    with pytest.raises(
        CorpusError, match=r"b-train.*2 columns.*\n.*1 documents are left out.*a-train\.conllu:2"
    ):
        load_corpus(tmp_path)


def test_documents_of_test_are_not_trained_on() -> None:
    shared, own = Passage("1", "d", ("a", "b")), Passage("2", "e", ("a", "b"))
    other_text = Passage("3", "d", ("c",))
    tally = Tally()
    result = disjoint({"train": (shared, own), "dev": (other_text,), "test": (shared,)}, tally)
    assert result == {"train": (own,), "dev": (other_text,), "test": (shared,)}
    assert list(result) == ["train", "dev", "test"]
    assert sum(tally.values()) == 1
    assert distinct(result, Tally()) == result


@pytest.mark.parametrize(
    ("path", "split"),
    [
        ("en_ewt-ud-train.conllu", "train"),
        ("dev.english.v4_gold_conll", "dev"),
        ("validation-00000-of-00001.parquet", "dev"),
        ("development/nw/a_conll", "dev"),
        ("train/test-notes.json", "test"),
        ("test2.json", "test"),
        ("latest.json", None),
        ("training.json", None),
        ("device.json", None),
    ],
)
def test_split_from_the_name(path: str, split: str | None) -> None:
    assert split_of(Path(path)) == split


def test_files_of_one_name_are_documents_of_their_own(tmp_path: Path) -> None:
    for folder in ("one", "two"):
        (tmp_path / "train" / folder).mkdir(parents=True)
        (tmp_path / "train" / folder / "part.conllu").write_text(sentence("a") + sentence("b"))
    documents = [passage.document for passage in load_corpus(tmp_path).splits["train"]]
    assert documents == ["one/part", "one/part", "two/part", "two/part"]


def test_a_file_that_may_not_be_looked_at(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def denied(self: Path) -> bool:
        raise PermissionError(13, "Permission denied", str(self))

    path = tmp_path / "mine.conllu"
    path.write_text(sentence("a"))
    monkeypatch.setattr(Path, "is_file", denied)
    with pytest.raises(CorpusError, match=r"cannot read .*mine\.conllu: Permission denied"):
        load_corpus(path)
