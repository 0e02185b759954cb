"""Breakdown: which kinds of instances a difference comes from.

Kinds are labels, frequency, length and distance.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import chain

import numpy as np

from probekit.corpora.passage import Corpus
from probekit.forgetting.comparison_rows import LabelRow
from probekit.forgetting.probe_pair import ProbePair
from probekit.probes.slices import Slice, slices
from probekit.stats import paired
from probekit.stats.correction import Correction, adjust
from probekit.stats.metrics import METRICS
from probekit.tasks.question import Question

MOST_LABELS = 200  # the most frequent have a row each; every row costs permutations


def breakdown(
    pair: ProbePair, layer: int, corpus: Corpus, correction: Correction
) -> list[LabelRow]:
    """One row per kind of test instance: accuracy before and after, at a layer and its partner.

    Kinds: the gold `label` (the MOST_LABELS most frequent), and those of `slices`. p-values are
    adjusted for the rows of this task.
    """
    place = [layer_before for layer_before, _ in pair.layers].index(layer)
    places_before, places_after = pair.places
    predicted_before = pair.before.predictions[places_before[place]]
    predicted_after = pair.after.predictions[places_after[place]]
    gold = pair.question.splits["test"]
    names, masks = [], []
    for kind, value, mask in chain(_labels(pair.question), slices(pair.question, corpus)):
        if mask.any():
            names.append((kind, value))
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
            groups=len(np.unique(groups[masks[i]])),
            seeds=before.shape[1],
            from_test=found.from_test[i],
            from_seeds=found.from_seeds[i],
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


def _labels(question: Question) -> Iterator[Slice]:
    """The instances of each of the most frequent gold labels."""
    test = question.splits["test"]
    times = np.bincount(test.labels[test.labels >= 0], minlength=len(question.classes))
    most_frequent = np.argsort(-times, kind="stable")[:MOST_LABELS]
    for label in sorted(most_frequent.tolist()):
        yield Slice("label", question.classes[label], test.labels == label)
