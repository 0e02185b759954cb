"""Data sets through `datasets`, from files on this machine."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from probekit.corpora.load import load_corpus
from probekit.corpora.readers.hf import read
from probekit.corpora.readers.reading import Material
from probekit.errors import CorpusError

ROWS = [
    {"id": 1, "tokens": ["Dogs", "bark"], "pos_tags": ["NOUN", "VERB"], "ner": [0, 3], "text": "Dogs bark"},
    {"id": 2, "tokens": ["Hm"], "pos_tags": ["INTJ"], "ner": [0], "text": "Hm"},
    {"id": 3, "tokens": [], "pos_tags": [], "ner": [], "text": ""},
]


def json_folder(folder: Path, rows: list[dict[str, object]]) -> Path:
    for split in ("train", "validation", "test"):
        (folder / f"{split}.jsonl").write_text("\n".join(map(json.dumps, rows)))
    return folder


def test_json_folder(tmp_path: Path) -> None:
    corpus = load_corpus(json_folder(tmp_path, ROWS))
    assert {split: len(passages) for split, passages in corpus.splits.items()} == {"train": 2, "dev": 2, "test": 2}
    first = corpus.splits["train"][0]
    assert first.words == ("Dogs", "bark")
    assert first.tags == {"pos_tags": ("NOUN", "VERB"), "upos": ("NOUN", "VERB"), "ner": ("0", "3")}
    assert any("id, text" in notice for notice in corpus.notices)
    assert any(notice.startswith("3 rows are left out") for notice in corpus.notices)


def test_parquet_folder_with_class_labels(tmp_path: Path) -> None:
    import datasets

    features = datasets.Features(
        {
            "words": datasets.Sequence(datasets.Value("string")),
            "tag": datasets.Sequence(datasets.ClassLabel(names=["A", "B"])),
            "odd": datasets.Sequence(datasets.Value("string")),
        }
    )
    rows = datasets.Dataset.from_dict({"words": [["a", "b"]], "tag": [[1, 0]], "odd": [["x"]]}, features=features)
    for split in ("train", "dev", "test"):
        rows.to_parquet(tmp_path / f"{split}.parquet")
    corpus = load_corpus(tmp_path)
    assert corpus.splits["dev"][0].tags == {"tag": ("B", "A")}
    assert corpus.notices[1:] == ("columns that are no word layer: odd",)


def test_columns_by_name(tmp_path: Path) -> None:
    folder = json_folder(tmp_path, ROWS[:2])
    (folder / "test.jsonl").write_text(json.dumps({**ROWS[0], "id": 9}))
    (folder / "mine.toml").write_text(
        'title = "t"\nlicence = "l"\nreader = "datasets"\nlayers = ["kind"]\n'
        '[files]\ntrain = "train.jsonl"\ntest = "test.jsonl"\n'
        '[columns]\nwords = "tokens"\nkind = "ner"\ndocument = "id"\n'
    )
    corpus = load_corpus(folder / "mine.toml")
    assert corpus.splits["train"][0].tags["kind"] == ("0", "3")
    assert [p.document for p in corpus.splits["test"]] == ["9"]
    assert "'mine' has no dev split" in corpus.notices


@pytest.mark.parametrize(
    ("columns", "message"),
    [({"upos": "nope"}, "no column 'nope'"), ({"words": "nope"}, "no column 'nope'"), ({"upos": "id"}, "not one text")],
)
def test_columns_that_are_not_there(columns: dict[str, str], message: str, tmp_path: Path) -> None:
    path = json_folder(tmp_path, ROWS) / "train.jsonl"
    with pytest.raises(CorpusError, match=message):
        read(Material("x", {"train": (path,)}, columns=columns))


def test_no_words_and_not_json(tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match="no column of words"):
        load_corpus(json_folder(tmp_path, [{"x": 1}]))
    (tmp_path / "train.jsonl").write_text("{nonsense")
    with pytest.raises(CorpusError, match=r"train\.jsonl:1: not JSON"):
        load_corpus(tmp_path)


def test_hub_offline() -> None:
    with pytest.raises(CorpusError, match=r"cannot load data set 'nobody/nothing'.*offline"):
        load_corpus("hf:nobody/nothing")
