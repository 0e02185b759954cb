"""Baselines: predictions without a model, evaluated like any probe."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

import numpy as np

from probekit.corpora.passage import Corpus, Split
from probekit.corpora.runs import offsets_of
from probekit.tasks.question import Instances, Question

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix

COMPARED: tuple[Split, Split] = ("train", "test")
Keys = tuple[np.ndarray, np.ndarray]  # of the training and of the test instances, as integers


def majority(question: Question, corpus: Corpus) -> np.ndarray:
    """The most frequent training label, for every test instance: `(n_test,)`."""
    return np.full(len(question.splits["test"]), _most_frequent(question))


def lexical(question: Question, corpus: Corpus) -> np.ndarray:
    """The most frequent training label of the same words, for every test instance: `(n_test,)`.

    Words are compared in lower case. Where training lacks them it backs off: a span to its first
    and last word; a pair of spans to the second span, to that one's first and last word, and to the
    first span (a pair of mentions: to whether their texts are equal); and at last to the most
    frequent label. Sentences seldom recur: their label is that of naive Bayes over their words.
    """
    if question.task.shape == "sentence":
        return _naive_bayes(question, corpus)
    labels = question.splits["train"].labels
    predicted = np.full(len(question.splits["test"]), _most_frequent(question))
    for train, test in reversed(_levels(question, corpus)):
        keys, best = _best_labels(train, labels)
        place = np.minimum(np.searchsorted(keys, test), len(keys) - 1)
        predicted = np.where(keys[place] == test, best[place], predicted)
    return predicted


def _naive_bayes(question: Question, corpus: Corpus) -> np.ndarray:
    """The most probable label of each test sentence, `(n_test,)`, from counts of its words in
    training plus one (multinomial naive Bayes; Manning et al. 2008, chapter 13)."""
    from scipy.sparse import csr_matrix

    vocabulary: dict[str, int] = {}
    words = {split: _word_numbers(corpus, split, vocabulary) for split in COMPARED}
    train, test = (
        _word_counts(question.splits[split], words[split], len(vocabulary)) for split in COMPARED
    )
    known = np.flatnonzero(train.sum(axis=0))
    labels = question.splits["train"].labels
    of_labels = np.bincount(labels)
    each = csr_matrix((np.ones(len(labels)), (labels, np.arange(len(labels)))))
    counts = (each @ train[:, known]).toarray() + 1
    likelihoods = np.log(counts / counts.sum(axis=1, keepdims=True))
    with np.errstate(divide="ignore"):  # a label without an instance is never the most probable
        prior = np.log(of_labels / len(labels))
    scores = test[:, known] @ likelihoods.T + prior
    return np.asarray(scores.argmax(axis=1))


def _word_counts(instances: Instances, words: np.ndarray, n_words: int) -> csr_matrix:
    """How often each word of the vocabulary occurs in each instance: `(n, n_words)`."""
    from scipy.sparse import csr_matrix

    start, end = instances.spans[:, 0, 0], instances.spans[:, 0, 1]
    offsets = offsets_of(end - start)
    places = np.arange(offsets[-1]) + np.repeat(start - offsets[:-1], end - start)
    shape = (len(instances), n_words)
    found = csr_matrix((np.ones(len(places)), words[places], offsets), shape=shape)
    found.sum_duplicates()
    return found


BASELINES: dict[str, Callable[[Question, Corpus], np.ndarray]] = {
    "majority": majority,
    "lexical": lexical,
}


def _most_frequent(question: Question) -> int:
    counts = np.bincount(question.splits["train"].labels)
    if question.task.positive:
        positive = question.classes.index(question.task.positive)
        # At a tie the label that F1 is of: always predicting it is the harder baseline to beat.
        if counts[positive] == counts.max():
            return positive
    return int(counts.argmax())


def _best_labels(keys: np.ndarray, labels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The distinct keys, sorted, and each one's most frequent label (at a tie the first)."""
    n = int(labels.max()) + 1
    found, counts = np.unique(keys * n + labels, return_counts=True)
    order = np.lexsort((found % n, -counts, found // n))
    keys, labels = np.divmod(found[order], n)
    first = np.flatnonzero(np.diff(keys, prepend=-1))
    return keys[first], labels[first]


def _levels(question: Question, corpus: Corpus) -> list[Keys]:
    """The keys that instances are looked up by, the most specific first."""
    vocabulary: dict[str, int] = {}
    words = {split: _word_numbers(corpus, split, vocabulary) for split in COMPARED}
    phrases: dict[bytes, int] = {}
    coded = [
        _coded(question.splits[split], words[split], len(vocabulary), phrases) for split in COMPARED
    ]
    texts, ends = [c[0] for c in coded], [c[1] for c in coded]
    if question.task.arity == 1:
        return [_keys(t[:, 0] for t in texts), _keys(e[:, 0] for e in ends)]
    pair = _keys(t[:, 0] * (len(vocabulary) + len(phrases)) + t[:, 1] for t in texts)
    if question.task.shape == "pair":
        return [pair, _keys((t[:, 0] == t[:, 1]).astype(np.int64) for t in texts)]
    return [
        pair,
        _keys(t[:, 1] for t in texts),
        _keys(e[:, 1] for e in ends),
        _keys(t[:, 0] for t in texts),
    ]


def _keys(parts: Iterable[np.ndarray]) -> Keys:
    train, test = parts
    return train, test


def _word_numbers(corpus: Corpus, split: Split, vocabulary: dict[str, int]) -> np.ndarray:
    """The number of every word of the split, in lower case; new words are added to `vocabulary`."""
    words = corpus.splits[split].words
    kinds = [
        vocabulary.setdefault(word.lower(), len(vocabulary))
        for word in words.vocabulary.to_pylist()
    ]
    return np.array(kinds, dtype=np.int64)[words.numbers]


def _coded(
    instances: Instances, words: np.ndarray, n_words: int, phrases: dict[bytes, int]
) -> tuple[np.ndarray, np.ndarray]:
    """Numbers for each span's text, and for its first and last word: `(n, arity)` each.

    The text of one word has the word's number, longer ones the number after `n_words` that
    `phrases` gives them.
    """
    start, end = instances.spans[..., 0], instances.spans[..., 1]
    texts = words[start]
    for at in zip(*np.nonzero(end - start > 1), strict=True):
        texts[at] = n_words + phrases.setdefault(words[start[at] : end[at]].tobytes(), len(phrases))
    return texts, words[start] * n_words + words[end - 1]
