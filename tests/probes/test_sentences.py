"""Probes of whole sentences, and of what CSV says, from the file to the score."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.naive_bayes import MultinomialNB

import probekit as pk
from probekit.corpora.passage import SPLITS, Corpus, Edge, Passage, Split
from probekit.errors import TaskError
from probekit.models.names import packaged_minilm
from probekit.probes.baselines import COMPARED, lexical
from probekit.states.states import States
from probekit.tasks.question import ask
from probekit.tasks.task import SpanVector, Task, load_task
from tests.test_cli import Run, run  # noqa: F401 - a fixture

QUICK = pk.FitSettings(words=20_000)
GOOD = ("wonderful", "lovely", "superb", "charming", "brilliant")
BAD = ("awful", "dreadful", "tedious", "clumsy", "dull")
THINGS = ("plot", "cast", "music", "ending", "camera", "story", "script")
POLARITY = Task(name="polarity", title="", annotation="label", shape="sentence")


def reviews(n: int, *, shuffled: bool = False) -> list[tuple[str, str]]:
    """Made-up reviews, and whether they are good; or with the labels in any order."""
    random = np.random.default_rng(0)
    labels = random.choice(["good", "bad"], n)
    texts = []
    for label in labels:
        one, other = random.choice(GOOD if label == "good" else BAD, 2)
        first, second = random.choice(THINGS, 2, replace=False)
        texts.append(f'The {first}, "so" {one}, and the {other} {second} of this film.')
    return list(zip(texts, random.permutation(labels) if shuffled else labels, strict=True))


def write(path: Path, header: list[str], rows: Sequence[tuple[str | None, ...]]) -> Path:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, delimiter="\t" if path.suffix == ".tsv" else ",")
        writer.writerows([header, *rows])
    return path


def in_folder(folder: Path, header: list[str], rows: list[tuple[str, ...]], suffix: str) -> Path:
    """A folder of train, dev and test with these rows: six, two and two of ten."""
    folder.mkdir()
    parts = {"train": slice(0, 6), "dev": slice(6, 8), "test": slice(8, 10)}
    for split, part in parts.items():
        chosen = [row for i, row in enumerate(rows) if i % 10 in range(10)[part]]
        write(folder / f"{split}{suffix}", header, chosen)
    return folder


@pytest.mark.slow
@pytest.mark.skipif(packaged_minilm() is None, reason="the extra [demo] is not installed")
def test_what_a_text_says_is_read_and_what_it_does_not_say_is_not(run: Run, tmp_path: Path) -> None:  # noqa: F811
    write(tmp_path / "reviews.csv", ["text", "label"], reviews(300))
    write(tmp_path / "shuffled.csv", ["text", "label"], reviews(300, shuffled=True))
    (tmp_path / "polarity.toml").write_text(
        'title = "Polarity"\nannotation = "label"\nshape = "sentence"\n'
    )
    options = ("--model", "minilm", "--task", "./polarity.toml", "--layers", "0,2", "--out", "o")
    for how in ("mean", "cls"):
        corpora = ("--corpus", "./reviews.csv,./shuffled.csv", "--subwords", how)
        status, out, err = run("probe", *options, *corpora)
        assert status == 0, out + err
        with (tmp_path / "o/scores.csv").open() as file:
            rows = list(csv.DictReader(file))
        scores = {(row["corpus"], row["probe"], row["layer"]): float(row["score"]) for row in rows}
        assert scores["reviews", "linear", "2"] > 0.9 and scores["reviews", "lexical", ""] > 0.9
        chance = scores["shuffled", "majority", ""]
        assert abs(scores["shuffled", "linear", "2"] - chance) < 0.25  # of 30 test sentences
        if how == "cls":  # one and the same vector for every text
            assert scores["reviews", "linear", "0"] == pytest.approx(
                scores["reviews", "majority", ""], abs=0.25
            )
            assert {row["pooling"] for row in rows if row["layer"]} == {"cls"}


def test_spans_in_characters_score_as_the_same_spans_in_words(
    tiny_bert: Path, tmp_path: Path
) -> None:
    random = np.random.default_rng(1)
    in_characters: list[tuple[str, ...]] = []
    in_words: list[tuple[str, ...]] = []
    for text, label in reviews(200):
        words = text.split()
        start = int(random.integers(0, len(words) - 2))
        begin = len(" ".join([*words[:start], ""]))
        end = begin + len(" ".join(words[start : start + 2]))
        in_characters.append((text, label, str(begin), str(end)))
        in_words.append((text, label, str(start), str(start + 2)))
    columns = ["text", "label", "start_char", "end_char"]
    one = in_folder(tmp_path / "characters", columns, in_characters, ".csv")
    columns = ["text", "label", "start_word", "end_word"]
    other = in_folder(tmp_path / "words", columns, in_words, ".tsv")
    task = Task(name="half", title="", annotation="label", shape="span")
    found = []
    for folder in (one, other):
        found.append(
            pk.probe(str(tiny_bert), task, corpus=folder, fit_settings=QUICK).table["score"]
        )
    assert found[0].tolist() == found[1].tolist()
    assert found[0].nunique() > 1


def test_words_and_tags_score_as_the_same_in_conllu(
    tiny_bert: Path, brief: Path, tmp_path: Path
) -> None:
    rows: list[tuple[str | None, ...]]
    (tmp_path / "tags").mkdir()
    corpus = pk.load_corpus(brief)
    for split in SPLITS:
        rows = []
        for passage in corpus.splits[split]:
            rows += zip(passage.words, passage.tags["upos"], strict=True)
            rows.append(("", ""))
        write(tmp_path / "tags" / f"{split}.tsv", ["word", "upos"], rows)
    scores = []
    for folder in (brief, tmp_path / "tags"):
        scores.append(
            pk.probe(str(tiny_bert), "pos", corpus=folder, fit_settings=QUICK).table["score"]
        )
    assert scores[0].tolist() == scores[1].tolist()


def labelled(texts: list[tuple[str, str]]) -> Corpus:
    """A corpus of labelled texts, the first half of them for training."""
    passages = []
    for i, (text, label) in enumerate(texts):
        words = tuple(text.split())
        passages.append(
            Passage(str(i), str(i), words, {}, {"label": (Edge(((0, len(words)),), label),)})
        )
    half = len(passages) // 2
    train, test = passages[:half], passages[half:]
    return Corpus("made", {"train": train, "dev": test, "test": test})


def test_a_sentence_is_an_instance_if_a_label_covers_it() -> None:
    edges = (Edge(((0, 2),), "x"), Edge(((0, 1),), "part"), Edge(((0, 2), (0, 2)), "two"))
    passages = [
        Passage("1", "d", ("a", "b"), {}, {"label": edges}),
        Passage("2", "d", ("c",), {}, {"label": (Edge(((0, 1),), "y"), Edge(((0, 1),), "x"))}),
        Passage("3", "d", ("c",)),
    ]
    question = ask(POLARITY, Corpus("made", dict.fromkeys(SPLITS, passages)))
    instances = question.splits["test"]
    assert instances.spans.tolist() == [[[0, 2]], [[2, 3]], [[2, 3]]]
    assert instances.groups.tolist() == [0, 1, 1] and question.classes == ("x", "y")


def test_the_sentences_of_a_treebank_have_categories(sample: Corpus) -> None:
    task = Task(name="category", title="", annotation="constituents", shape="sentence")
    question = ask(task, sample)
    assert len(question.splits["test"]) == question.splits["test"].n_groups == 150
    with pytest.raises(TaskError, match="'upos' labels words: the shape is 'word'"):
        ask(Task(name="no", title="", annotation="upos", shape="sentence"), sample)


def joined(passage: Passage) -> str:
    return " ".join(passage.words)


def test_the_lexical_baseline_is_naive_bayes() -> None:
    corpus = labelled(reviews(60, shuffled=True))
    question = ask(POLARITY, corpus)
    counter = CountVectorizer(token_pattern=r"\S+")
    train, test = (list(map(joined, corpus.splits[split])) for split in COMPARED)
    referee = MultinomialNB().fit(counter.fit_transform(train), question.splits["train"].labels)
    found = lexical(question, corpus)
    assert found.tolist() == referee.predict(counter.transform(test)).tolist()
    assert len(set(found.tolist())) == 2


@pytest.mark.parametrize("span", ["mean", "last", "ends"])
def test_ways_to_make_a_sentences_vector(span: SpanVector) -> None:
    """The last word decides: its vector is the label's, and others are noise."""
    corpus = labelled(reviews(600))
    values: dict[Split, np.ndarray] = {}
    random = np.random.default_rng(0)
    for split in SPLITS:
        offsets = corpus.offsets(split)
        values[split] = random.normal(size=(offsets[-1], 16)).astype(np.float32)
        labels = [p.edges["label"][0].label for p in corpus.splits[split]]
        values[split][offsets[1:] - 1, 0] = [8 * (label == "good") - 4 for label in labels]
    task = Task(name="polarity", title="", annotation="label", shape="sentence", span=span)
    table = pk.probe(States.of(values, corpus), task, fit_settings=QUICK).table
    (score,) = table[table["probe"] == "linear"]["score"]
    assert score > (0.97 if span != "mean" else 0.85)


def test_one_vector_for_all_words_of_a_few_sentences() -> None:
    """As many vectors as sentences: a covariance of all words would seem well known, and is not."""
    texts = [(f"{'w ' * 30}", "xy"[i % 2]) for i in range(400)]
    corpus = labelled(texts)
    random = np.random.default_rng(0)
    dim = 192
    values: dict[Split, np.ndarray] = {}
    for split in SPLITS:
        labels = np.array([p.edges["label"][0].label == "x" for p in corpus.splits[split]])
        vectors = random.normal(size=(len(labels), dim)).astype(np.float32)
        vectors[:, :4] += 2 * labels[:, None] - 1
        values[split] = np.repeat(vectors, 30, axis=0)
    table = pk.probe(States.of(values, corpus), POLARITY, fit_settings=QUICK).table
    (score,) = table[table["probe"] == "linear"]["score"]
    assert score > 0.85  # of 0.977 with the best direction


@pytest.mark.slow
def test_fine_tuning_is_compared_on_sentences(tiny_bert: Path, tmp_path: Path) -> None:
    write(tmp_path / "reviews.csv", ["text", "label"], reviews(200))
    found = pk.compare(
        str(tiny_bert),
        f"random:{tiny_bert}:1",
        tasks=POLARITY,
        corpus=tmp_path / "reviews.csv",
        fit_settings=QUICK,
        layers=(0, 2),
    )
    assert set(found.comparison["layer"]) == {0, 2}
    assert set(found.by_label["kind"]) >= {"label", "length"}
    task = load_task("pos")
    with pytest.raises(TaskError, match="no annotation 'upos'"):
        ask(task, pk.load_corpus(tmp_path / "reviews.csv"))
