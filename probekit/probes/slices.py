"""Slices: kinds of test instances that scores are split by.

Kinds are whether training has the words, their frequency there, length and distance.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from itertools import pairwise
from typing import NamedTuple

import numpy as np

from probekit.corpora.passage import Corpus, Split
from probekit.tasks.question import Question

# Lower ends of bins.
FREQUENCY = (1, 10, 100, 1_000)  # occurrences in training of the instance's rarest word
LENGTH = (1, 10, 20, 40)  # words of the sentence
DISTANCE = (0, 1, 2, 3, 6, 11, 51)  # words from the start of the first span to the second's


class Slice(NamedTuple):
    """Some test instances.

    Attributes:
        kind: what they are told apart by.
        value: `yes` or `no`, a range such as `2-9`, or a label.
        mask: which of the test instances are in it, `(n,)`.
    """

    kind: str
    value: str
    mask: np.ndarray


def slices(question: Question, corpus: Corpus) -> Iterator[Slice]:
    """Each slice; those of one kind share no instance, and may be empty.

    Kinds: whether all words were `seen` in training, the `frequency` in training of the rarest
    word, the `length` of the sentence, and for pairs the `distance` of the two spans.
    """
    test = question.splits["test"]
    frequency = _rarest(question, corpus)
    yield Slice("seen", "yes", frequency > 0)
    yield Slice("seen", "no", frequency == 0)  # that is also the lowest bin of frequency
    yield from _bins("frequency", frequency, FREQUENCY)
    offsets, starts = corpus.offsets("test"), test.spans[:, :, 0]
    passage = np.searchsorted(offsets, starts[:, 0], side="right") - 1
    lengths = np.diff(offsets)
    yield from _bins("length", lengths[passage], LENGTH)
    if question.task.arity > 1:
        distance = np.abs(starts[:, 1] - starts[:, 0])
        yield from _bins("distance", distance, DISTANCE)


def pair_slices(question: Question, corpus: Corpus) -> Iterator[Slice]:
    """For pairs: whether both texts were `seen_pair` in training as one pair, in lower case."""
    if question.task.arity < 2:
        return
    is_seen = _seen_pairs(question, corpus)
    yield Slice("seen_pair", "yes", is_seen)
    yield Slice("seen_pair", "no", ~is_seen)


def _seen_pairs(question: Question, corpus: Corpus) -> np.ndarray:
    """Which test instances have the texts of a training instance: `(n,)`."""
    numbers: dict[str | bytes, int] = {}
    train = _pairs(question, corpus, "train", numbers)
    return np.isin(_pairs(question, corpus, "test", numbers), train)


def _pairs(
    question: Question, corpus: Corpus, split: Split, numbers: dict[str | bytes, int]
) -> np.ndarray:
    """A number for the two texts of each instance, `(n,)`.

    `numbers` are those of texts so far: of a word in lower case, and of several words as bytes.
    """
    words = corpus.splits[split].words
    of_kinds = []
    for word in words.vocabulary.to_pylist():
        of_kinds.append(numbers.setdefault(word.lower(), len(numbers)))
    of_words = np.array(of_kinds, dtype=np.int64)[words.numbers]
    spans = question.splits[split].spans.reshape(-1, 2)
    texts = of_words[spans[:, 0]]
    for i in np.flatnonzero(spans[:, 1] - spans[:, 0] > 1).tolist():
        start, stop = spans[i].tolist()
        texts[i] = numbers.setdefault(of_words[start:stop].tobytes(), len(numbers))
    first, second = texts.reshape(-1, 2).T
    return np.asarray((first << 32) + second)


def _bins(kind: str, values: np.ndarray, lower: tuple[int, ...]) -> Iterator[Slice]:
    """Each bin from its lower end to the next one's: `1`, `2-9`, `10+`."""
    for start, following in pairwise(lower):
        name = str(start) if following == start + 1 else f"{start}-{following - 1}"
        yield Slice(kind, name, (values >= start) & (values < following))
    yield Slice(kind, f"{lower[-1]}+", values >= lower[-1])


def _rarest(question: Question, corpus: Corpus) -> np.ndarray:
    """How often the rarest word of each test instance occurs in training: `(n,)`."""
    times = Counter[str]()
    train, test = corpus.splits["train"].words, corpus.splits["test"].words
    counts = np.bincount(train.numbers, minlength=len(train.vocabulary)).tolist()
    for word, count in zip(train.vocabulary.to_pylist(), counts, strict=True):
        times[word.lower()] += count
    times_of_kinds = np.array([times[word.lower()] for word in test.vocabulary.to_pylist()])
    times_of_words = times_of_kinds[test.numbers]
    spans = question.splits["test"].spans
    # The least of each span; what follows its end is left out, and so one more word is needed.
    borders = spans.reshape(-1)
    least = np.minimum.reduceat(np.append(times_of_words, 0), borders)[::2]
    return np.asarray(least.reshape(spans.shape[:2]).min(axis=1))
