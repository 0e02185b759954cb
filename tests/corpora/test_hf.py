"""Data sets through `datasets`, from files on this machine."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from probekit.corpora.load import load_corpus
from probekit.corpora.passage import Corpus
from probekit.corpora.readers.hf import read
from probekit.corpora.readers.reading import Material
from probekit.errors import CorpusError, TaskError
from probekit.tasks.question import ask
from probekit.tasks.task import Task

ROWS = [
    {
        "id": 1,
        "tokens": ["Dogs", "bark"],
        "pos_tags": ["NOUN", "VERB"],
        "ner": [0, 3],
        "text": "Dogs bark",
    },
    {"id": 2, "tokens": ["Hm"], "pos_tags": ["INTJ"], "ner": [0], "text": "Hm"},
    {"id": 3, "tokens": [], "pos_tags": [], "ner": [], "text": ""},
]


def json_folder(folder: Path, rows: list[dict[str, object]]) -> Path:
    for split in ("train", "validation", "test"):
        (folder / f"{split}.jsonl").write_text("\n".join(map(json.dumps, rows)))
    return folder


def test_json_folder(tmp_path: Path) -> None:
    corpus = load_corpus(json_folder(tmp_path, ROWS))
    assert {split: len(passages) for split, passages in corpus.splits.items()} == {
        "train": 2,
        "dev": 2,
        "test": 2,
    }
    first = corpus.splits["train"][0]
    assert first.words == ("Dogs", "bark")
    assert first.tags == {"pos_tags": ("NOUN", "VERB"), "upos": ("NOUN", "VERB"), "ner": ("0", "3")}
    assert any("id, text" in warning for warning in corpus.warnings)
    assert any(warning.startswith("3 rows are left out") for warning in corpus.warnings)


def test_parquet_folder_with_class_labels(tmp_path: Path) -> None:
    import datasets

    features = datasets.Features(
        {
            "words": datasets.Sequence(datasets.Value("string")),
            "tag": datasets.Sequence(datasets.ClassLabel(names=["A", "B"])),
            "odd": datasets.Sequence(datasets.Value("string")),
        }
    )
    rows = datasets.Dataset.from_dict(
        {"words": [["a", "b"]], "tag": [[1, 0]], "odd": [["x"]]}, features=features
    )
    for split in ("train", "dev", "test"):
        rows.to_parquet(tmp_path / f"{split}.parquet")
    corpus = load_corpus(tmp_path)
    assert corpus.splits["dev"][0].tags == {"tag": ("B", "A")}
    assert corpus.warnings[1:] == ("columns without one label per word, not read: odd",)


def test_columns_by_name(tmp_path: Path) -> None:
    folder = json_folder(tmp_path, ROWS[:2])
    (folder / "test.jsonl").write_text(json.dumps({**ROWS[0], "id": 9}))
    (folder / "mine.toml").write_text(
        'title = "t"\nlicence = "l"\nreader = "datasets"\nannotations = ["kind"]\n'
        '[files]\ntrain = "train.jsonl"\ntest = "test.jsonl"\n'
        '[columns]\nwords = "tokens"\nkind = "ner"\ndocument = "id"\n'
    )
    corpus = load_corpus(folder / "mine.toml")
    assert corpus.splits["train"][0].tags["kind"] == ("0", "3")
    assert [p.document for p in corpus.splits["test"]] == ["9"]
    assert "'mine' has no dev split" in corpus.warnings


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"upos": "nope"}, "no column 'nope'"),
        ({"words": "nope"}, "no column 'nope'"),
        ({"upos": "id"}, "does not have one label per word"),
    ],
)
def test_columns_that_are_not_there(columns: dict[str, str], message: str, tmp_path: Path) -> None:
    path = json_folder(tmp_path, ROWS) / "train.jsonl"
    with pytest.raises(CorpusError, match=message):
        read(Material("x", {"train": (path,)}, columns=columns))


def in_splits(
    folder: Path, train: list[dict[str, object]], others: list[dict[str, object]]
) -> Corpus:
    """A folder with these rows for training, and these for dev and test."""
    for split, rows in {"train": train, "validation": others, "test": others}.items():
        (folder / f"{split}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return load_corpus(folder)


def tagged(number: int, tags: object = (0, 1, 2), **more: object) -> dict[str, object]:
    return {"tokens": [f"a{number}", "b", "c"], "tags": tags, **more}


TAGS = Task(name="tags", title="", annotation="tags", shape="word")


@pytest.mark.parametrize(
    ("tags", "labels"),
    [
        ((-100, 1, 0), ("0", "1")),
        ((-1, 1, 0), ("0", "1")),
        ((None, 1, 0), ("0", "1")),
        (("", "x", "y"), ("x", "y")),
        (("_", "x", "y"), ("x", "y")),
        (("-1", "x", "y"), ("-1", "x", "y")),
        ((-100.0, 1.0, 0.0), ("0", "1")),
        ((float("nan"), 1.0, 0.0), ("0", "1")),
        (("-100", "x", "y"), ("x", "y")),
    ],
)
def test_ignored_labels_are_missing_values(
    tags: tuple[object, ...], labels: tuple[str, ...], tmp_path: Path
) -> None:
    corpus = in_splits(tmp_path, [tagged(i, tags) for i in range(20)], [tagged(99, tags)])
    data = ask(TAGS, corpus)
    assert data.classes == labels
    assert len(data.splits["train"]) == 20 * len(labels)
    found = [warning for warning in corpus.warnings if "mark words to be ignored" in warning]
    if tags[0] in (-100, -1, "-100"):  # -100.0 is such a number too
        (warning,) = found
        assert warning.startswith("22 labels of 'tags'")
        assert warning.endswith(f"(first: {tmp_path / 'train.jsonl'}:1)")
    else:
        assert not found


def test_class_numbers_below_zero_are_missing(tmp_path: Path) -> None:
    import datasets

    features = datasets.Features(
        {
            "words": datasets.Sequence(datasets.Value("string")),
            "tag": datasets.Sequence(datasets.ClassLabel(names=["A", "B"])),
        }
    )
    rows = datasets.Dataset.from_dict({"words": [["a", "b"]], "tag": [[1, -1]]}, features=features)
    for split in ("train", "dev", "test"):
        rows.to_parquet(tmp_path / f"{split}.parquet")
    corpus = load_corpus(tmp_path)
    assert corpus.splits["dev"][0].tags == {"tag": ("B", None)}
    assert any(warning.startswith("3 labels of 'tag'") for warning in corpus.warnings)


@pytest.mark.parametrize("short", [(0, 1), (0, 1, 2, 3), None, ()])
def test_a_row_that_does_not_fit_is_left_out_counted_and_located(
    short: object, tmp_path: Path
) -> None:
    rows = [tagged(i, short if i == 77 else (0, 1, 2)) for i in range(120)]
    corpus = in_splits(tmp_path, rows, [tagged(200)])
    assert len(corpus.splits["train"]) == 119
    assert len(ask(TAGS, corpus).splits["train"]) == 119 * 3
    place = f"{tmp_path / 'train.jsonl'}:78"
    assert (
        f"1 rows are left out: not one label per word in 'tags' (first: {place})" in corpus.warnings
    )


def test_a_row_keeps_the_annotations_that_fit(tmp_path: Path) -> None:
    rows = [tagged(i, (0, 1) if i == 3 else (0, 1, 2), chunks=["x", "y", "z"]) for i in range(9)]
    corpus = in_splits(tmp_path, rows, [tagged(200, chunks=["x", "y", "z"])])
    assert corpus.splits["train"][3].tags == {"chunks": ("x", "y", "z")}
    assert corpus.splits["train"][4].tags["tags"] == ("0", "1", "2")
    assert any(warning.startswith("1 rows go without 'tags'") for warning in corpus.warnings)


def test_an_error_carries_what_was_reported(tmp_path: Path) -> None:
    corpus = in_splits(tmp_path, [tagged(i, (0, 1)) for i in range(9)], [tagged(200, (0, 1))])
    with pytest.raises(
        TaskError, match=r"no annotation 'tags'.*\n.*not read: tags; expected one row per sentence"
    ):
        ask(TAGS, corpus)


@pytest.mark.parametrize("ignored", ["0", "-100"])
def test_words_given_as_one_text(ignored: str, tmp_path: Path) -> None:
    rows: list[dict[str, object]] = [
        {"words": f"a{i} b c", "tags": f"{ignored} 1 2", "id": f"s{i}"} for i in range(9)
    ]
    corpus = in_splits(
        tmp_path, rows, [*rows[:1], {"words": "new words here", "tags": "0 1 2", "id": "x"}]
    )
    assert corpus.splits["train"][1].words == ("a1", "b", "c")
    first = None if ignored == "-100" else "0"
    assert corpus.splits["train"][1].tags == {"tags": (first, "1", "2")}
    assert "columns without one label per word, not read: id" in corpus.warnings


@pytest.mark.parametrize(
    ("row", "named"),
    [
        (
            {"sentence_id": 0, "token": "sees", "tag": "VB"},
            ["one row per word", "'token'", "sentence_id, token, tag"],
        ),
        ({"tokens": [1, 2], "tags": [0, 1]}, ["no words in column 'tokens'", "tokens, tags"]),
        ({"text": "a b", "label": 1}, ["no column of words", "text, label"]),
    ],
)
def test_other_forms_are_refused_with_the_form_expected(
    row: dict[str, object], named: list[str], tmp_path: Path
) -> None:
    with pytest.raises(CorpusError) as error:
        in_splits(tmp_path, [row] * 5, [row])
    for part in [
        *named,
        "expected one row per sentence, with a list of words",
        '{"tokens": ["a", "dog"]',
    ]:
        assert part in str(error.value)


def test_masked_rows_are_left_out(tmp_path: Path) -> None:
    rows = [tagged(0), {"tokens": ["[WORD]", "____", "x"], "tags": [0, 1, 2]}]
    corpus = in_splits(tmp_path, rows, [tagged(9)])
    assert [p.words[0] for p in corpus.splits["train"]] == ["a0"]
    assert any("masked" in warning and "train.jsonl:2)" in warning for warning in corpus.warnings)


def test_no_words_and_not_json(tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match="no column of words"):
        load_corpus(json_folder(tmp_path, [{"x": 1}]))
    (tmp_path / "train.jsonl").write_text("{nonsense")
    with pytest.raises(CorpusError, match=r"train\.jsonl:1: not JSON"):
        load_corpus(tmp_path)


def test_hub_offline() -> None:
    with pytest.raises(CorpusError, match=r"cannot load data set 'nobody/nothing'.*offline"):
        load_corpus("hf:nobody/nothing")


def test_what_the_library_keeps_of_a_data_set_is_checked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A folder loaded as a data set of the hub is: `datasets` prepares it once, and reads that back
    unchecked."""
    import datasets

    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "hub")
    (tmp_path / "mine").mkdir()
    name = f"hf:{json_folder(tmp_path / 'mine', ROWS)}"
    assert load_corpus(name).splits["train"][0].words == ("Dogs", "bark")
    assert load_corpus(name).splits["test"][0].tags["upos"] == ("NOUN", "VERB")
    for path in (tmp_path / "hub").rglob("*train.arrow"):
        content = path.read_bytes()
        assert content.count(b"bark") == 2  # as a word, and in "text"
        path.write_bytes(content.replace(b"bark", b"dark"))
    with pytest.raises(CorpusError, match="has changed since it was first read: delete"):
        load_corpus(name)


def test_a_data_set_of_the_hub_without_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "datasets", None)
    with pytest.raises(
        CorpusError,
        match=r"'a/b' is a data set of the hub: pip install 'probekit-nlp\[datasets\]'$",
    ):
        load_corpus("hf:a/b")


def test_files_of_one_split_come_one_after_the_other(tmp_path: Path) -> None:
    for number in (1, 2):
        (tmp_path / f"train-{number}.jsonl").write_text(
            json.dumps({"tokens": ["a"], f"tag{number}": [f"x{number}"]})
        )
    passages = load_corpus(tmp_path).splits["train"]
    assert [p.tags for p in passages] == [{"tag1": ("x1",)}, {"tag2": ("x2",)}]


@pytest.mark.parametrize("value", [True, 2**80, "x"])
def test_labels_of_any_type(value: object, tmp_path: Path) -> None:
    corpus = in_splits(tmp_path, [tagged(0, (value, 1, "y"))], [tagged(9, (value, 1, "y"))])
    assert corpus.splits["train"][0].tags == {"tags": (str(value), "1", "y")}
