"""Types: the words of an instance without their place, in lower case.

Two instances of one type look the same to a reader who sees no context.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from probekit.corpora.passage import SPLITS, Corpus, Split
from probekit.tasks.question import Instances, Question

BETWEEN_WORDS = " "
BETWEEN_SPANS = "\t"


@dataclass(frozen=True)
class Types:
    """The types of a question's instances.

    Attributes:
        texts: each type as text: its words, and the spans of a pair with a tab between.
        numbers: for each split, the type of each instance as its place in `texts`, `(n,)`.
    """

    texts: list[str]
    numbers: dict[Split, np.ndarray]

    def share_in_training(self) -> float:
        """The share of test instances whose type occurs in training."""
        return float(np.isin(self.numbers["test"], self.numbers["train"]).mean())


def types_of(question: Question, corpus: Corpus) -> Types:
    """The type of every instance, over all splits: words, spans by their text, pairs by both."""
    found: dict[str, int] = {}
    numbers: dict[Split, np.ndarray] = {}
    for split in SPLITS:
        vocabulary = _in_lower_case(corpus, split)
        words = corpus.splits[split].words.numbers
        keys, inverse = _distinct(question.splits[split], words)
        of_keys = []
        for key in keys:
            text = _text(key, vocabulary)
            of_keys.append(found.setdefault(text, len(found)))
        numbers[split] = np.array(of_keys, dtype=np.int64)[inverse]
    return Types(list(found), numbers)


def types_of_words(corpus: Corpus, places: Mapping[Split, np.ndarray]) -> Types:
    """The type of each word at some positions of every split, `(n,)` each."""
    found: dict[str, int] = {}
    numbers: dict[Split, np.ndarray] = {}
    for split, of_split in places.items():
        of_vocabulary = []
        for text in _in_lower_case(corpus, split):
            of_vocabulary.append(found.setdefault(text, len(found)))
        words = corpus.splits[split].words.numbers
        numbers[split] = np.array(of_vocabulary, dtype=np.int64)[words[of_split]]
    return Types(list(found), numbers)


Key = tuple[tuple[int, ...], ...]  # the word numbers of each span


def _distinct(instances: Instances, words: np.ndarray) -> tuple[list[Key], np.ndarray]:
    """The distinct instances by their words, and the place of each instance among them."""
    places: dict[Key, int] = {}
    inverse = np.empty(len(instances), dtype=np.int64)
    numbers = words.tolist()
    for i, spans in enumerate(instances.spans.tolist()):
        key = tuple(tuple(numbers[start:end]) for start, end in spans)
        inverse[i] = places.setdefault(key, len(places))
    return list(places), inverse


def _text(key: Key, vocabulary: list[str]) -> str:
    spans = []
    for span in key:
        spans.append(BETWEEN_WORDS.join([vocabulary[number] for number in span]))
    return BETWEEN_SPANS.join(spans)


def _in_lower_case(corpus: Corpus, split: Split) -> list[str]:
    return [word.lower() for word in corpus.splits[split].words.vocabulary.to_pylist()]
