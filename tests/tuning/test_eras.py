"""The methods without a language model, compared with plain pipelines of scikit-learn."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.feature_extraction import DictVectorizer
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.pipeline import make_pipeline, make_union
from sklearn.preprocessing import StandardScaler

from probekit.corpora.passage import SPLITS, Corpus
from probekit.models.static import StaticVectors
from probekit.tuning.corpus_data import from_corpus
from probekit.tuning.data import NONE, Data, Examples
from probekit.tuning.logistic import STRENGTHS, logistic_outcome
from probekit.tuning.ngrams import described, ngram_features, shape
from probekit.tuning.static_features import static_features
from tests.tuning.made import few


@pytest.fixture(scope="module")
def texts(small: Corpus) -> Data:
    """Sentences with one of three labels, which their words partly tell."""
    splits: dict[str, Examples] = {}
    for split, passages in few(small, 60).splits.items():
        lines = [(" ".join(passage.words),) for passage in passages]
        labels = [np.array([ord(line[0][0].lower()) % 3]) for line in lines]
        splits[split] = Examples(lines, labels)
    return Data("texts", "texts", splits, ("a", "b", "c"), ("accuracy", "macro_f1"))


def flat(data: Data, split: str) -> list[str]:
    return [one[0] for one in data.splits[split].texts]


def test_ngrams_are_a_plain_pipeline(texts: Data) -> None:
    found = logistic_outcome(texts, ngram_features)
    best = -1.0
    for strength in STRENGTHS:
        plain = make_pipeline(
            make_union(
                TfidfVectorizer(ngram_range=(1, 2), token_pattern=r"(?u)\S+", sublinear_tf=True),
                TfidfVectorizer(analyzer="char_wb", ngram_range=(2, 5), sublinear_tf=True),
            ),
            LogisticRegression(C=strength, max_iter=1000),
        )
        plain.fit(flat(texts, "train"), texts.splits["train"].labelled()[0])
        score = plain.score(flat(texts, "dev"), texts.splits["dev"].labelled()[0])
        if score > best:
            best, chosen, said = score, strength, plain.predict(flat(texts, "test"))
    assert (found.dev_score, found.chosen) == (best, chosen)
    np.testing.assert_array_equal(found.said, said)
    assert len(set(said.tolist())) > 1


def test_words_are_a_plain_pipeline(small: Corpus) -> None:
    data = from_corpus(few(small, 30), "pos")
    found = logistic_outcome(data, ngram_features)
    rows: dict[str, list[Any]] = {}
    for split in SPLITS:
        rows[split] = []
        for words in data.splits[split].texts:
            rows[split] += [described(words, i) for i in range(len(words))]
    best = -1.0
    for strength in STRENGTHS:
        plain = make_pipeline(DictVectorizer(), LogisticRegression(C=strength, max_iter=1000))
        plain.fit(rows["train"], np.concatenate(data.splits["train"].labels))
        score = plain.score(rows["dev"], np.concatenate(data.splits["dev"].labels))
        if score > best:
            best, said = score, plain.predict(rows["test"])
    np.testing.assert_array_equal(found.said, said)
    assert found.dev_score == best > 0.5


def test_a_word_is_described_by_form_affixes_shape_and_neighbours() -> None:
    assert described(["McDonald", "ran", "2.5km"], 1) == {
        "word": "ran",
        "shape": "x",
        "first": False,
        "prefix 1": "r",
        "suffix 1": "n",
        "prefix 2": "ra",
        "suffix 2": "an",
        "prefix 3": "ran",
        "suffix 3": "ran",
        "word -1": "mcdonald",
        "word +1": "2.5km",
        "word -2": "",
        "word +2": "",
    }
    assert [shape(word) for word in ("McDonald", "2.5km", "ABC-1", "Éa", "_")] == [
        "XxXx",
        "d.dx",
        "X-d",
        "Xx",
        "_",
    ]


def test_words_without_a_label_are_context_only(small: Corpus) -> None:
    data = from_corpus(few(small, 30), "pos")
    splits = {}
    for split, examples in data.splits.items():
        labels = [np.where(np.arange(len(one)) % 2, NONE, one) for one in examples.labels]
        splits[split] = Examples(examples.texts, labels)
    half = Data("half", "words", splits, data.classes, data.metrics)
    assert ngram_features(half)["test"].shape[0] == len(splits["test"].labelled()[0])


def test_pairs_have_the_ngrams_of_each_and_what_they_share(texts: Data) -> None:
    splits = {}
    for split, examples in texts.splits.items():
        lines = [(one[0], one[0].upper()) for one in examples.texts]
        splits[split] = Examples(lines, examples.labels)
    made = ngram_features(Data("pairs", "texts", splits, texts.classes, texts.metrics))
    first, second, both = np.split(made["test"].toarray(), 3, axis=1)
    np.testing.assert_allclose(first, second)
    np.testing.assert_allclose(both, first * second)


def test_numbers_are_predicted_by_ridge_regression(texts: Data) -> None:
    splits = {}
    for split, examples in texts.splits.items():
        numbers = [np.array([float(len(one[0]))]) for one in examples.texts]
        splits[split] = Examples(examples.texts, numbers)
    data = Data("numbers", "numbers", splits, (), ("pearson", "spearman"))
    found = logistic_outcome(data, ngram_features)
    made = ngram_features(data)
    plain = Ridge(alpha=1 / found.chosen, random_state=0).fit(
        made["train"], splits["train"].labelled()[0]
    )
    np.testing.assert_allclose(found.said, plain.predict(made["test"]))


def test_a_sample_of_one_class_says_that_class(texts: Data) -> None:
    train = texts.splits["train"]
    one = [i for i, labels in enumerate(train.labels) if labels[0] == 1]
    data = Data(
        "one", "texts", {**texts.splits, "train": train.take(one)}, texts.classes, texts.metrics
    )
    assert set(logistic_outcome(data, ngram_features).said.tolist()) == {1}


def test_static_vectors_are_a_plain_pipeline(texts: Data, tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    table: dict[str, np.ndarray] = {}
    for split in ("train", "test"):
        for text in flat(texts, split):
            for word in text.lower().split():
                if len(word) > 1:
                    table.setdefault(word, random.normal(size=5).round(3))
    lines = [f"{word} {' '.join(map(str, vector))}" for word, vector in table.items()]
    path = tmp_path / "v.txt"
    path.write_text("\n".join(lines) + "\n")
    vectors = StaticVectors(path, "v")
    found = logistic_outcome(texts, partial(static_features, vectors=vectors))

    def means(split: str) -> np.ndarray:
        rows = []
        for text in flat(texts, split):
            known = [table[word] for word in text.lower().split() if word in table]
            rows.append(np.mean(known, axis=0) if known else np.zeros(5))
        return np.stack(rows)

    model = LogisticRegression(C=found.chosen, max_iter=1000)
    plain = make_pipeline(StandardScaler(), model)
    plain.fit(means("train"), texts.splits["train"].labelled()[0])
    np.testing.assert_array_equal(found.said, plain.predict(means("test")))


def test_static_vectors_of_words_have_their_neighbours(small: Corpus, tmp_path: Path) -> None:
    path = tmp_path / "v.txt"
    path.write_text("one 1 0\ntwo 0 1\n")
    labels = [np.array([0, 1, 0]), np.array([1, 0, NONE])]
    examples = Examples([("one", "two", "six"), ("two", "one", "one")], labels)
    data = Data(
        "w",
        "words",
        dict.fromkeys(("train", "dev", "test"), examples),
        ("a", "b"),
        ("accuracy",),
    )
    found = static_features(data, StaticVectors(path, "v"))["test"]
    raw = np.array(
        [
            [0, 0, 1, 0, 0, 1],
            [1, 0, 0, 1, 0, 0],
            [0, 1, 0, 0, 0, 0],
            [0, 0, 0, 1, 1, 0],
            [0, 1, 1, 0, 1, 0],
        ]
    )
    np.testing.assert_allclose(found, StandardScaler().fit_transform(raw), atol=1e-6)
