"""Where: which kinds of instances a difference comes from, by label, frequency, length and
distance."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

import numpy as np

from probekit.corpora.passage import Corpus
from probekit.forgetting.sides import Sides
from probekit.stats import paired
from probekit.stats.correction import Correction, adjust
from probekit.stats.metrics import METRICS
from probekit.tasks.question import Question

FREQUENCY = (
    1,
    10,
    100,
    1_000,
)  # lower ends of bins: times the rarest word of the instance stands in training
LENGTH = (1, 10, 20, 40)  # words of the sentence
MOST_LABELS = 200  # that have a row each, the most frequent; every row costs permutations of all
DISTANCE = (0, 1, 2, 3, 6, 11, 51)  # words from the start of the first span to that of the second


def where(side: Sides, layer: int, corpus: Corpus, correction: Correction) -> list[dict[str, Any]]:
    """A row a kind of test instance: the share answered right before and after, at one layer before
    and its partner.

    Kinds: the gold `label` (the MOST_LABELS most frequent), whether all words were `seen` in
    training, the `frequency` in training of the rarest word, the `length` of the sentence, and for
    pairs the `distance` of the two spans. p-values are adjusted for the rows of this task.
    """
    at = [a for a, _ in side.layers].index(layer)
    first, second = side.places[0][at], side.places[1][at]
    gold = side.question.splits["test"]
    right = [
        p == gold.labels for p in (side.before.predictions[first], side.after.predictions[second])
    ]
    names, masks = zip(
        *(kind for kind in _kinds(side.question, corpus) if kind[1].any()), strict=True
    )
    groups = np.unique(gold.groups, return_inverse=True)[1]
    before, after = (_counts(groups, np.stack(masks), answers) for answers in right)
    accuracy, permutations = METRICS["accuracy"], paired.permutations_for(len(names))
    shared = paired.resampling(int(groups[-1]) + 1, permutations=permutations)
    found = paired.difference(accuracy, before, after, shared)
    shares = [accuracy.score(counted.sum(axis=2)).mean(axis=1) for counted in (before, after)]
    adjusted = adjust(found.p_value, correction)
    return [
        {
            "layer": layer,
            "kind": kind,
            "value": value,
            "n_test": int(masks[i].sum()),
            "right_before": shares[0][i],
            "right_after": shares[1][i],
            "delta": found.value[i],
            "ci_low": found.low[i],
            "ci_high": found.high[i],
            "p_value": found.p_value[i],
            "p_adjusted": adjusted[i],
        }
        for i, (kind, value) in enumerate(names)
    ]


def _counts(groups: np.ndarray, masks: np.ndarray, right: np.ndarray) -> np.ndarray:
    """Right answers, and instances, of each kind and group: `(kinds, seeds, groups, 2)`."""
    n_groups, (seeds, _) = int(groups[-1]) + 1, right.shape
    counts = np.empty((len(masks), seeds, n_groups, 2))
    for i, mask in enumerate(masks):
        counts[i, :, :, 1] = np.bincount(groups[mask], minlength=n_groups)
        for seed in range(seeds):
            counts[i, seed, :, 0] = np.bincount(groups[mask & right[seed]], minlength=n_groups)
    return counts


def _kinds(question: Question, corpus: Corpus) -> Iterator[tuple[tuple[str, str], np.ndarray]]:
    """Each kind that has a test instance: its name and value, and which instances are of it `(n,)`."""
    test = question.splits["test"]
    times = np.bincount(test.labels[test.labels >= 0], minlength=len(question.classes))
    for label in sorted(np.argsort(-times, kind="stable")[:MOST_LABELS].tolist()):
        yield ("label", question.classes[label]), test.labels == label
    frequency = _rarest(question, corpus)
    yield ("seen", "yes"), frequency > 0
    yield ("seen", "no"), frequency == 0  # that is also the lowest bin of frequency
    yield from _bins("frequency", frequency, FREQUENCY)
    offsets = corpus.offsets("test")
    passage = np.searchsorted(offsets, test.spans[:, 0, 0], side="right") - 1
    yield from _bins("length", np.diff(offsets)[passage], LENGTH)
    if question.task.arity > 1:
        yield from _bins("distance", np.abs(test.spans[:, 1, 0] - test.spans[:, 0, 0]), DISTANCE)


def _bins(
    kind: str, values: np.ndarray, lower: tuple[int, ...]
) -> Iterator[tuple[tuple[str, str], np.ndarray]]:
    for start, following in zip(lower, [*lower[1:], None], strict=True):
        end = values >= start if following is None else (values >= start) & (values < following)
        name = (
            f"{start}+"
            if following is None
            else str(start)
            if following == start + 1
            else f"{start}-{following - 1}"
        )
        yield (kind, name), end


def _rarest(question: Question, corpus: Corpus) -> np.ndarray:
    """How often the rarest word of each test instance stands in training: `(n,)`."""
    known = Counter[str]()
    trained, tested = corpus.splits["train"].words, corpus.splits["test"].words
    counts = np.bincount(trained.numbers, minlength=len(trained.vocabulary)).tolist()
    for word, count in zip(trained.vocabulary.to_pylist(), counts, strict=True):
        known[word.lower()] += count
    times = np.array([known[word.lower()] for word in tested.vocabulary.to_pylist()])[
        tested.numbers
    ]
    spans = question.splits["test"].spans
    return np.array([min(times[start:end].min() for start, end in one) for one in spans.tolist()])
