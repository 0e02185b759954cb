"""Data of fine-tuning: corpora, tables, GLUE; and metrics against scikit-learn and scipy."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from datasets import ClassLabel, Dataset, Features, Value
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from sklearn import metrics
from transformers import AutoTokenizer

from probekit.corpora.passage import Corpus, Passage
from probekit.errors import ProbekitError
from probekit.progress import silent
from probekit.stats.bootstrap import resample
from probekit.tuning.corpus_data import from_corpus, genres_of
from probekit.tuning.data import NONE, UNSEEN, Data, Examples
from probekit.tuning.encoded import LOST, encode
from probekit.tuning.glue import GLUE
from probekit.tuning.metrics import METRICS, _from_counts, _from_values, score_interval
from probekit.tuning.open_data import open_data
from probekit.tuning.predicted import NOTHING, answers
from probekit.tuning.table_rows import Columns
from tests.tuning.made import few


def opened(path: Path | str, *text: str, label: str = "", regression: bool = False) -> Data:
    return open_data(path, Columns(text, label, regression), silent)


def test_labels_of_words_are_those_of_the_task(small: Corpus) -> None:
    data = from_corpus(few(small), "pos")
    assert data.target == "words" and data.classes == tuple(sorted(data.classes))
    passages = few(small).splits["train"]
    for passage, texts, labels in zip(
        passages, data.splits["train"].texts, data.splits["train"].labels, strict=True
    ):
        assert texts == passage.words
        named = [None if label == NONE else data.classes[label] for label in labels]
        assert named == list(passage.tags["upos"])


@pytest.mark.parametrize(
    ("documents", "expected"),
    [
        (["answers-1", "email-7_x"], ["answers", "email"]),
        (["GUM_academic_art", "GUM_news_x"], ["academic", "news"]),
        (["x", "x"], ["x", "x"]),
    ],
)
def test_a_genre_is_the_first_part_of_a_name_that_differs(
    documents: list[str], expected: list[str]
) -> None:
    passages = [Passage(str(i), name, ("a",)) for i, name in enumerate(documents)]
    corpus = Corpus("c", {"train": passages, "dev": passages, "test": passages})
    assert genres_of(corpus, "train") == expected


def test_a_label_that_training_lacks_counts_as_wrong(small: Corpus) -> None:
    passages = list(few(small).splits["train"])
    rare = Passage("r", "r", ("it",), {"upos": ("NEW",)})
    corpus = Corpus("c", {"train": passages, "dev": passages, "test": [*passages, rare]})
    data = from_corpus(corpus, "pos")
    assert data.splits["test"].labels[-1].tolist() == [UNSEEN]
    assert any("1 test instances have a label" in warning for warning in data.warnings)


def test_first_subwords_have_the_labels_and_lost_words_count_as_wrong(
    small: Corpus, tiny_bert: Path
) -> None:
    data = from_corpus(few(small), "pos")
    tokenizer = AutoTokenizer.from_pretrained(tiny_bert)
    examples = data.splits["test"]
    whole = encode(examples, "words", tokenizer, 64)
    for words, labels, item, places in zip(
        examples.texts, examples.labels, whole.items, whole.places or [], strict=True
    ):
        expected = tokenizer(list(words), is_split_into_words=True).word_ids()
        firsts = [expected.index(i) for i in range(len(words))]
        assert places.tolist() == firsts
        assert [item["labels"][place] for place in firsts] == labels.tolist()
        assert sum(label != NONE for label in item["labels"]) == len(words)
    cut = encode(examples, "words", tokenizer, 8)
    assert cut.cut == sum(length > 8 for length in whole.lengths) > 0
    assert max(cut.lengths) == 8
    width = max(cut.lengths)
    right = np.zeros((len(examples), width), dtype=int)
    for i, (labels, places) in enumerate(zip(examples.labels, cut.places or [], strict=True)):
        right[i, places[places != LOST]] = labels[places != LOST]
    said = answers(examples, cut.places, right)
    lost = sum(int((places == LOST).sum()) for places in cut.places or [])
    assert lost > 0 and (said.said == NOTHING).sum() == lost
    assert METRICS["accuracy"].score(said.gold, said.said) == pytest.approx(
        1 - lost / len(said.gold)
    )


ROWS = [{"text": f"text {i}", "label": "ab"[i % 2], "number": i / 4} for i in range(40)]


def written(folder: Path, suffix: str, rows: list[dict[str, Any]]) -> Path:
    path = folder / f"table{suffix}"
    frame = pd.DataFrame(rows)
    if suffix == ".parquet":
        frame.to_parquet(path)
    elif suffix == ".jsonl":
        path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    else:
        frame.to_csv(path, index=False, sep="\t" if suffix == ".tsv" else ",")
    return path


@pytest.mark.parametrize("suffix", [".csv", ".tsv", ".jsonl", ".parquet"])
def test_every_format_gives_the_same_data(suffix: str, tmp_path: Path) -> None:
    data = opened(written(tmp_path, suffix, [*ROWS, ROWS[0]]))
    assert data.classes == ("a", "b") and data.target == "texts"
    sizes = {split: len(examples) for split, examples in data.splits.items()}
    assert sum(sizes.values()) == 41 and sizes["dev"] >= 4 and sizes["test"] >= 4
    of_split: dict[tuple[str, ...], str] = {}
    for split, examples in data.splits.items():
        for texts, label in zip(examples.texts, examples.labels, strict=True):
            assert of_split.setdefault(texts, split) == split  # equal texts stay together
            number = int(texts[0].removeprefix("text "))
            assert data.classes[label[0]] == "ab"[number % 2]
    numbers = opened(tmp_path / f"table{suffix}", label="number", regression=True)
    assert numbers.target == "numbers" and numbers.metrics == ("pearson", "spearman")
    for texts, label in zip(numbers.splits["train"].texts, numbers.splits["train"].labels):  # noqa: B905
        assert label[0] == int(texts[0].removeprefix("text ")) / 4


def test_a_folder_has_its_splits(tmp_path: Path) -> None:
    for split in ("train", "validation", "test"):
        written(tmp_path, ".csv", ROWS).rename(tmp_path / f"{split}.csv")
    data = opened(tmp_path)
    assert [len(data.splits[split]) for split in ("train", "dev", "test")] == [40, 40, 40]
    assert data.limited(10).splits["train"].texts == data.limited(10).splits["train"].texts
    assert len(data.limited(10).splits["train"]) == 10 and len(data.limited(99).splits["dev"]) == 40


def table_of_documents(folder: Path, name: str, label: str) -> Path:
    """24 documents of 4 rows each, in no order, with the labels of the texts or the documents."""
    rows = []
    for i in np.random.default_rng(0).permutation(96).tolist():
        document, place = divmod(i, 4)
        of_what = document if label == "of document" else place
        rows.append({"text": f"text {i}", "label": "ab"[of_what % 2], name: f"d{document}"})
    return written(folder, ".csv", rows)


@pytest.mark.parametrize("name", ["document", "document_id", "doc_id"])
@pytest.mark.parametrize("label", ["of document", "of text"])
def test_documents_of_a_table_stay_together(name: str, label: str, tmp_path: Path) -> None:
    """In one split; and in the resamples of intervals where they have one label each."""
    data = opened(table_of_documents(tmp_path, name, label))
    seen: dict[int, str] = {}
    for split, examples in data.splits.items():
        of_texts = [int(texts[0].removeprefix("text ")) // 4 for texts in examples.texts]
        assert all(seen.setdefault(document, split) == split for document in of_texts)
        if label == "of document":
            assert examples.units.tolist() == np.repeat(range(len(set(of_texts))), 4).tolist()
            assert of_texts == [of_texts[4 * (i // 4)] for i in range(len(of_texts))]
        else:
            assert examples.units.tolist() == list(range(len(examples)))
    assert len(seen) == 24 and "divided by their documents" in data.warnings[0]
    by_document = "the 2 documents of test, not its 8 texts" in data.warnings[-1]
    assert by_document == (label == "of document")


def test_a_column_that_is_read_is_not_one_of_documents(tmp_path: Path) -> None:
    path = table_of_documents(tmp_path, "document", "of text")
    data = opened(path, label="document")
    assert len(data.classes) == 24 and "divided by their texts" in data.warnings[0]


def rows_of_documents(n_documents: int) -> list[dict[str, Any]]:
    """Four rows of each document, which has the label `a` or `b`."""
    rows = []
    for i in range(4 * n_documents):
        document = i // 4
        rows.append({"text": f"text {i}", "label": "ab"[document % 2], "Doc_ID": f"d{document}"})
    return rows


def test_documents_that_are_linked_by_equal_texts_stay_together(tmp_path: Path) -> None:
    rows = rows_of_documents(60)
    for i in range(0, 240, 16):  # the first text of every fourth document is in the next one too
        rows[i + 4]["text"] = rows[i]["text"]
    data = opened(written(tmp_path, ".csv", rows))
    assert "divided by their documents" in data.warnings[0]
    of_split: dict[str, str] = {}
    for split, examples in data.splits.items():
        for (text,) in examples.texts:
            assert of_split.setdefault(text, split) == split


@pytest.mark.parametrize("empty", [None, "", "  "])
def test_a_column_that_lacks_a_document_tells_none(empty: str | None, tmp_path: Path) -> None:
    rows = rows_of_documents(24)
    rows[50]["Doc_ID"] = empty
    data = opened(written(tmp_path, ".jsonl", rows))
    assert "divided by their texts" in data.warnings[0]
    assert "'Doc_ID' names no document in 1 of 96 rows" in data.warnings[1]
    assert all(examples.documents is None for examples in data.splits.values())


@pytest.mark.parametrize("lacks", ["one", "all", "column"])
def test_of_splits_it_is_said_where_documents_are_missing(lacks: str, tmp_path: Path) -> None:
    for split in ("train", "dev", "test"):
        rows = rows_of_documents(12)
        if split == "dev":
            rows[5]["Doc_ID"] = None
            if lacks == "all":
                rows = [{**row, "Doc_ID": None} for row in rows]
            if lacks == "column":
                rows = [{"text": row["text"], "label": row["label"]} for row in rows]
        written(tmp_path, ".jsonl", rows).rename(tmp_path / f"{split}.jsonl")
    (warning,) = opened(tmp_path).warnings
    expected = "'Doc_ID' names no document in 1 of 48 rows"
    assert (expected if lacks == "one" else "no column names documents") in warning
    assert ", dev: " in warning and "intervals cannot resample documents" in warning


@pytest.mark.parametrize("suffix", [".jsonl", ".parquet"])
@pytest.mark.parametrize("gap", [False, True])
def test_documents_with_numbers(suffix: str, gap: bool, tmp_path: Path) -> None:
    """A gap makes a column of whole numbers one of fractions in many libraries."""
    rows = []
    for number, row in enumerate(rows_of_documents(24)):
        rows.append({**row, "Doc_ID": float(number // 4)})
    if gap:
        rows[50]["Doc_ID"] = float("nan") if suffix == ".parquet" else None
    data = opened(written(tmp_path, suffix, rows))
    assert ("divided by their documents" in data.warnings[0]) == (not gap)
    assert any("names no document in 1 of 96 rows" in warning for warning in data.warnings) == gap


def test_an_empty_column_of_documents_is_none(tmp_path: Path) -> None:
    rows = [{**row, "Doc_ID": None} for row in rows_of_documents(24)]
    data = opened(written(tmp_path, ".jsonl", rows))
    assert len(data.warnings) == 1


def test_tables_are_divided_by_texts_where_documents_cannot_be(tmp_path: Path) -> None:
    """Too few, or one for each label; they are resampled whole all the same where they can be."""
    few = opened(written(tmp_path, ".csv", rows_of_documents(4)))
    assert "by their texts, since there are fewer than 10 documents" in few.warnings[0]
    assert all(examples.documents is not None for examples in few.splits.values())
    rows = rows_of_documents(24)
    for row in rows:
        row["label"] = row["Doc_ID"]
    data = opened(written(tmp_path, ".tsv", rows))
    assert "divided by their texts" in data.warnings[0] and len(data.classes) == 24


def test_numbers_of_whole_documents_are_resampled_by_document(tmp_path: Path) -> None:
    rows = rows_of_documents(24)
    for row in rows:
        row["label"] = int(row["Doc_ID"][1:]) / 7
    data = opened(written(tmp_path, ".csv", rows), regression=True)
    assert data.splits["test"].units.tolist() == np.repeat(range(2), 4).tolist()
    plain = [{"text": row["text"], "label": row["label"]} for row in rows]
    without = opened(written(tmp_path, ".tsv", plain), regression=True)
    assert without.fingerprint != data.fingerprint


def test_what_datasets_loads_is_data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A data set by its name, and the same files as a folder."""
    monkeypatch.setattr("datasets.config.HF_DATASETS_CACHE", tmp_path / "cache")
    home = tmp_path / "mine"
    home.mkdir()
    for place, split in enumerate(("train", "validation", "test")):
        written(home, ".jsonl", ROWS[place:]).rename(home / f"{split}.jsonl")
    loaded, read = opened(f"hf:{home}"), opened(home)
    assert loaded.classes == read.classes == ("a", "b")
    for split, size in {"train": 40, "dev": 39, "test": 38}.items():
        assert loaded.splits[split].texts == read.splits[split].texts
        assert len(loaded.splits[split]) == size


BAD: list[tuple[list[dict[str, Any]], dict[str, Any], str]] = [
    ([*ROWS, {"text": " ", "label": "a"}], {}, r"table.csv:42: the text in 'text' is empty"),
    ([*ROWS, {"text": "x", "label": ""}], {}, "table.csv:42: 'label' is empty"),
    (ROWS, {"label": "number"}, "is a number with a fraction, not a class: give regression=True"),
    (ROWS, {"regression": True}, "'a' is not a number to predict"),
    (ROWS, {"label": "lable"}, "label='lable': unknown column of label .*did you mean 'label'"),
    ([{"t": "x", "label": "a"}], {}, "no column is called text or sentence: give text="),
    ([{**row, "label": "a"} for row in ROWS], {}, "one label in training, 'a': nothing to tell"),
    (
        [*ROWS, {"text": "rare 5", "label": "c"}],
        {},
        "('c' does not occur|one example in training: 'c')",
    ),
    (ROWS[:2], {}, "2 different texts, too few"),
]


@pytest.mark.parametrize(("rows", "columns", "message"), BAD)
def test_tables_that_nothing_can_be_learnt_from(
    rows: list[dict[str, Any]], columns: dict[str, Any], message: str, tmp_path: Path
) -> None:
    with pytest.raises(ProbekitError, match=message) as refused:
        opened(written(tmp_path, ".csv", rows), **columns)
    assert len(str(refused.value).splitlines()) == 1


def test_a_label_that_training_lacks_is_refused_in_tables(tmp_path: Path) -> None:
    for split, rows in {"train": ROWS, "dev": ROWS, "test": [{**ROWS[0], "label": "z"}]}.items():
        written(tmp_path, ".csv", rows).rename(tmp_path / f"{split}.csv")
    with pytest.raises(ProbekitError, match=r"test.csv:2: the label 'z' does not occur in train"):
        opened(tmp_path)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("nothing", "no data 'nothing': give CORPUS:TASK"),
        ("glue/sst3", "did you mean 'sst2'"),
        ("sample:dep", "has the shape 'arc'"),
        ("sample:poss", "did you mean 'pos'"),
        ("sample:genre", "begin in|not genres"),
    ],
)
def test_names_that_mean_no_data(name: str, message: str) -> None:
    with pytest.raises(ProbekitError, match=message):
        opened(name)


def glue_folder(root: Path, task: str) -> Path:
    """A task of GLUE as the hub lays it out, with classes in the order that its tables have."""
    folder = root / task
    folder.mkdir(parents=True)
    names = {"mrpc": ["not_equivalent", "equivalent"], "sst2": ["negative", "positive"]}
    names |= {"mnli": ["entailment", "neutral", "contradiction"]}
    label: Any = (
        Value("float32") if task == "stsb" else ClassLabel(names=names.get(task, ["x", "y"]))
    )
    kinds = {name: Value("string") for name in GLUE[task].text}
    features = Features({**kinds, "label": label, "idx": Value("int32")})
    count = 3 if task == "mnli" else 2
    validation = "validation_matched" if task == "mnli" else "validation"
    sizes = {"train": 30, validation: 12, "test": 5}
    if task == "mnli":
        sizes["validation_mismatched"] = 8
    for split, size in sizes.items():
        rows: dict[str, list[Any]] = {}
        for name in kinds:
            rows[name] = [f"{split} {name} {i}" for i in range(size)]
        rows["label"] = [i / 4 if task == "stsb" else i % count for i in range(size)]
        if split == "test":
            rows["label"] = [-1] * size
        rows["idx"] = list(range(size))
        path = folder / f"{split}-00000-of-00001.parquet"
        Dataset.from_dict(rows, features=features).to_parquet(path)
    return folder


@pytest.mark.parametrize("task", GLUE)
def test_a_local_glue_is_read_as_glue(task: str, tmp_path: Path) -> None:
    data = opened(glue_folder(tmp_path, task))
    assert data.name == f"glue/{task}" and data.metrics == GLUE[task].metrics
    sizes = [len(data.splits[split]) for split in ("train", "dev", "test")]
    assert sizes == [27, 3, 12]
    shared = set(data.splits["dev"].texts) & set(data.splits["test"].texts)
    assert not shared  # what chooses is not what is reported
    assert data.splits["test"].texts[3][0].startswith("validation")
    assert len(data.splits["test"].texts[0]) == len(GLUE[task].text)
    expected = 3 / 4 if task == "stsb" else 3 % (3 if task == "mnli" else 2)
    assert data.splits["test"].labels[3][0] == expected
    if task == "mnli":
        assert len(data.splits["test_mismatched"]) == 8
        assert data.reported == ("test", "test_mismatched", "dev")
    else:
        assert data.reported == ("test", "dev")
    if task == "mrpc":
        assert data.classes == ("not_equivalent", "equivalent")


def test_mnli_needs_both_of_its_tests(tmp_path: Path) -> None:
    folder = glue_folder(tmp_path, "mnli")
    (folder / "validation_mismatched-00000-of-00001.parquet").unlink()
    with pytest.raises(ProbekitError, match="glue/mnli has no split validation_mismatched in "):
        opened(folder)


PEERS = {
    "accuracy": metrics.accuracy_score,
    "f1": lambda gold, said: metrics.f1_score(gold, said, pos_label=1),
    "macro_f1": lambda gold, said: metrics.f1_score(gold, said, average="macro"),
    "matthews": metrics.matthews_corrcoef,
    "pearson": lambda gold, said: stats.pearsonr(gold, said)[0],
    "spearman": lambda gold, said: stats.spearmanr(gold, said)[0],
    "bits": lambda gold, said: np.log2(stats.gmean(np.exp(said))),
    "perplexity": lambda gold, said: stats.gmean(np.exp(said)),
}


@pytest.mark.parametrize("metric", METRICS)
@given(st.integers(0, 10_000))
def test_metrics_equal_those_of_scikit_learn_and_scipy(metric: str, seed: int) -> None:
    random = np.random.default_rng(seed)
    gold, said = random.random(20), random.random(20)
    if metric not in ("pearson", "spearman"):
        gold, said = gold.round(), said.round()
    found = METRICS[metric].score(gold, said)
    if len(set(said)) > 1 and len(set(gold)) > 1:
        assert found == pytest.approx(PEERS[metric](gold, said))
    low, high = METRICS[metric].low, METRICS[metric].high
    assert low <= found <= high


def test_a_constant_prediction_is_no_error() -> None:
    gold, said = np.array([0, 1, 1]), np.array([0, 0, 0])
    for name in ("f1", "matthews", "pearson", "spearman"):
        assert METRICS[name].score(gold, said) == 0


@pytest.mark.parametrize("name", ["accuracy", "f1", "macro_f1"])
def test_scores_from_counts_are_scikit_learns(name: str) -> None:
    random = np.random.default_rng(1)
    number = np.sort(random.integers(0, 20, 300))
    gold, said = random.integers(0, 3, 300), random.integers(0, 3, 300)
    weights = resample(20, 30, random)
    fast = _from_counts(name, gold, said, number, weights)
    assert fast == pytest.approx(_from_values(name, gold, said, number, weights), abs=1e-12)
    assert len(set(fast)) > 10


def test_intervals_resample_texts() -> None:
    """All words of a text are resampled together: with each text's words alike, the interval of
    many words is that of the texts."""
    random = np.random.default_rng(0)
    right = random.random(200) < 0.7
    gold = np.zeros(200, dtype=int)
    said = np.where(right, 0, 1)
    alone = score_interval("accuracy", gold, said, np.arange(200))
    repeated = score_interval(
        "accuracy", np.repeat(gold, 9), np.repeat(said, 9), np.repeat(np.arange(200), 9)
    )
    assert repeated == pytest.approx(alone)
    half = 1.96 * np.sqrt(right.mean() * (1 - right.mean()) / 200)
    assert alone[1] - alone[0] == pytest.approx(2 * half, rel=0.15)


def test_documents_with_one_label_are_resampled_whole() -> None:
    """As those of genres are; sentences that are documents of their own are resampled alone."""
    names = ["news-1", "news-2", "news-3", "mail-1", "mail-2", "mail-3"]
    passages = []
    for i, name in enumerate(np.repeat(names, 4).tolist()):
        passages.append(Passage(str(i), name, ("a",)))
    corpus = Corpus("c", {"train": passages, "dev": passages, "test": passages})
    data = from_corpus(corpus, "genre")
    test = data.splits["test"]
    assert test.units.tolist() == np.repeat(range(6), 4).tolist()
    assert any("the 6 documents of test, not its 24 texts" in one for one in data.warnings)
    assert test.take([3, 4, 9]).units.tolist() == [0, 1, 2]
    said = answers(test, None, np.zeros(24, dtype=np.int64))
    assert said.groups.tolist() == test.units.tolist()
    alone = [replace(passage, document=passage.id) for passage in passages]
    apart = from_corpus(Corpus("c", {**corpus.splits, "test": alone}), "genre")
    assert apart.splits["test"].units.tolist() == list(range(24))


@pytest.mark.parametrize("alike", [True, False])
def test_intervals_over_documents_cover(alike: bool) -> None:
    """Where a model is right or wrong about whole documents, 95% intervals over documents cover its
    accuracy, and those over sentences do not; where sentences are independent, both do."""
    random, covered = np.random.default_rng(0), np.zeros(2)
    documents, gold = np.repeat(np.arange(60), 8), np.zeros(480, dtype=int)
    for _ in range(200):
        right = random.random(60).repeat(8) if alike else random.random(480)
        said = np.where(right < 0.7, 0, 1)
        for place, groups in enumerate((documents, np.arange(480))):
            low, high = score_interval("accuracy", gold, said, groups)
            covered[place] += low <= 0.7 <= high
    assert covered[0] / 200 >= 0.91
    assert covered[1] / 200 < 0.6 if alike else covered[1] / 200 >= 0.91


def test_every_number_is_a_label() -> None:
    """-100 marks a word without a label, and is a number like any other."""
    numbers = Examples([("a",), ("b",)], [np.array([-100.0]), np.array([2.0])])
    assert numbers.labelled()[0].tolist() == [-100.0, 2.0]
    words = Examples([("a", "b")], [np.array([NONE, 1])])
    assert words.labelled()[0].tolist() == [1] and words.labelled()[1].tolist() == [0]
