"""Breakdown: which kinds of instances a difference comes from.

Kinds are labels, frequency, length and distance.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import pairwise

import numpy as np

from probekit.corpora.passage import Corpus
from probekit.forgetting.comparison_rows import LabelRow
from probekit.forgetting.probe_pair import ProbePair
from probekit.stats import paired
from probekit.stats.correction import Correction, adjust
from probekit.stats.metrics import METRICS
from probekit.tasks.question import Question

# Lower ends of bins.
FREQUENCY = (1, 10, 100, 1_000)  # occurrences in training of the instance's rarest word
LENGTH = (1, 10, 20, 40)  # words of the sentence
DISTANCE = (0, 1, 2, 3, 6, 11, 51)  # words from the start of the first span to the second's
MOST_LABELS = 200  # the most frequent have a row each; every row costs permutations


def breakdown(
    pair: ProbePair, layer: int, corpus: Corpus, correction: Correction
) -> list[LabelRow]:
    """One row per kind of test instance: accuracy before and after, at a layer and its partner.

    Kinds: the gold `label` (the MOST_LABELS most frequent), whether all words were `seen` in
    training, the `frequency` in training of the rarest word, the `length` of the sentence, and for
    pairs the `distance` of the two spans. p-values are adjusted for the rows of this task.
    """
    place = [layer_before for layer_before, _ in pair.layers].index(layer)
    places_before, places_after = pair.places
    predicted_before = pair.before.predictions[places_before[place]]
    predicted_after = pair.after.predictions[places_after[place]]
    gold = pair.question.splits["test"]
    names, masks = [], []
    for name, mask in _kinds(pair.question, corpus):
        if mask.any():
            names.append(name)
            masks.append(mask)
    groups = np.unique(gold.groups, return_inverse=True)[1]
    before = _counts(groups, masks, predicted_before == gold.labels)
    after = _counts(groups, masks, predicted_after == gold.labels)
    accuracy, permutations = METRICS["accuracy"], paired.permutations_for(len(names))
    shared = paired.resampling(int(groups[-1]) + 1, permutations=permutations)
    found = paired.difference(accuracy, before, after, shared)
    accuracy_before = accuracy.score(before.sum(axis=2)).mean(axis=1)
    accuracy_after = accuracy.score(after.sum(axis=2)).mean(axis=1)
    adjusted = adjust(found.p_value, correction)
    rows = []
    for i, (kind, value) in enumerate(names):
        row = LabelRow(
            **vars(pair.about),
            layer=layer,
            kind=kind,
            value=value,
            n_test=int(masks[i].sum()),
            accuracy_before=accuracy_before[i],
            accuracy_after=accuracy_after[i],
            delta=found.value[i],
            ci_low=found.low[i],
            ci_high=found.high[i],
            p_value=found.p_value[i],
            p_adjusted=adjusted[i],
        )
        rows.append(row)
    return rows


def _counts(groups: np.ndarray, masks: Sequence[np.ndarray], correct: np.ndarray) -> np.ndarray:
    """Correct predictions, and instances, of each kind and group: `(kinds, seeds, groups, 2)`.

    `masks` say which instances are of each kind, `(n,)`; `correct` is `(seeds, n)`.
    """
    n_groups, (seeds, _) = int(groups[-1]) + 1, correct.shape
    counts = np.empty((len(masks), seeds, n_groups, 2))
    for i, mask in enumerate(masks):
        counts[i, :, :, 1] = np.bincount(groups[mask], minlength=n_groups)
        for seed in range(seeds):
            counts[i, seed, :, 0] = np.bincount(groups[mask & correct[seed]], minlength=n_groups)
    return counts


def _kinds(question: Question, corpus: Corpus) -> Iterator[tuple[tuple[str, str], np.ndarray]]:
    """Each kind: its name and value, and which test instances are of it, `(n,)`."""
    test = question.splits["test"]
    times = np.bincount(test.labels[test.labels >= 0], minlength=len(question.classes))
    most_frequent = np.argsort(-times, kind="stable")[:MOST_LABELS]
    for label in sorted(most_frequent.tolist()):
        yield ("label", question.classes[label]), test.labels == label
    frequency = _rarest(question, corpus)
    yield ("seen", "yes"), frequency > 0
    yield ("seen", "no"), frequency == 0  # that is also the lowest bin of frequency
    yield from _bins("frequency", frequency, FREQUENCY)
    offsets, starts = corpus.offsets("test"), test.spans[:, :, 0]
    passage = np.searchsorted(offsets, starts[:, 0], side="right") - 1
    lengths = np.diff(offsets)
    yield from _bins("length", lengths[passage], LENGTH)
    if question.task.arity > 1:
        distance = np.abs(starts[:, 1] - starts[:, 0])
        yield from _bins("distance", distance, DISTANCE)


def _bins(
    kind: str, values: np.ndarray, lower: tuple[int, ...]
) -> Iterator[tuple[tuple[str, str], np.ndarray]]:
    """Each bin from its lower end to the next one's: `1`, `2-9`, `10+`."""
    for start, following in pairwise(lower):
        name = str(start) if following == start + 1 else f"{start}-{following - 1}"
        yield (kind, name), (values >= start) & (values < following)
    yield (kind, f"{lower[-1]}+"), values >= lower[-1]


def _rarest(question: Question, corpus: Corpus) -> np.ndarray:
    """How often the rarest word of each test instance occurs in training: `(n,)`."""
    times = Counter[str]()
    train, test = corpus.splits["train"].words, corpus.splits["test"].words
    counts = np.bincount(train.numbers, minlength=len(train.vocabulary)).tolist()
    for word, count in zip(train.vocabulary.to_pylist(), counts, strict=True):
        times[word.lower()] += count
    times_of_kinds = np.array([times[word.lower()] for word in test.vocabulary.to_pylist()])
    times_of_words = times_of_kinds[test.numbers]
    rarest = []
    for spans in question.splits["test"].spans.tolist():
        least = [times_of_words[start:end].min() for start, end in spans]
        rarest.append(min(least))
    return np.array(rarest)
