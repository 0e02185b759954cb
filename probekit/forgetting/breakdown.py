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
from probekit.probes.structural.fitted_trees import BY_LENGTH, FittedTrees, grouped
from probekit.stats import paired
from probekit.stats.correction import Correction, adjust
from probekit.stats.metrics import METRICS
from probekit.stats.tree_metrics import LONGEST_EDGE
from probekit.tasks.question import Question

MOST_LABELS = 200  # the most frequent have a row each; every row costs permutations


def breakdown(
    pair: ProbePair, layer: int, corpus: Corpus, correction: Correction
) -> list[LabelRow]:
    """One row per kind of test instance: accuracy before and after, at a layer and its partner.

    Kinds: the gold `label` (the MOST_LABELS most frequent), and those of `slices`; of trees the
    edges of each `distance`, where they are found by distances. p-values are adjusted for the rows
    of this task.
    """
    names, before, after = _kinds(pair, layer, corpus)
    if not names:
        return []
    accuracy, permutations = METRICS["accuracy"], paired.permutations_for(len(names))
    shared = paired.resampling(before.shape[2], permutations=permutations)
    found = paired.difference(accuracy, before, after, shared)
    accuracy_before = accuracy.score(before.sum(axis=2)).mean(axis=1)
    accuracy_after = accuracy.score(after.sum(axis=2)).mean(axis=1)
    adjusted = adjust(found.p_value, correction)
    of_groups = before[:, 0, :, 1]
    rows = []
    for i, (kind, value) in enumerate(names):
        row = LabelRow(
            **vars(pair.about),
            layer=layer,
            kind=kind,
            value=value,
            n_test=int(of_groups[i].sum()),
            accuracy_before=accuracy_before[i],
            accuracy_after=accuracy_after[i],
            delta=found.value[i],
            ci_low=found.low[i],
            ci_high=found.high[i],
            p_value=found.p_value[i],
            p_adjusted=adjusted[i],
            groups=int((of_groups[i] > 0).sum()),
            resampled=pair.question.resampled,
            seeds=before.shape[1],
            from_test=found.from_test[i],
            from_seeds=found.from_seeds[i],
        )
        rows.append(row)
    return rows


Kinds = tuple[list[tuple[str, str]], np.ndarray, np.ndarray]
"""Kinds and values, with what is right and all there is before and after, `(kinds, seeds, groups,
2)` each."""


def _kinds(pair: ProbePair, layer: int, corpus: Corpus) -> Kinds:
    """The kinds that occur, at a layer and its partner."""
    place = [layer_before for layer_before, _ in pair.layers].index(layer)
    place_before, place_after = (places[place] for places in pair.places)
    if isinstance(pair.before, FittedTrees) or isinstance(pair.after, FittedTrees):
        return _edges(pair, place_before, place_after)
    question, gold = pair.before.question, pair.before.question.splits["test"]
    names, masks = [], []
    for kind, value, mask in chain(_labels(question), slices(question, corpus)):
        if mask.any():
            names.append((kind, value))
            masks.append(mask)
    groups = np.unique(gold.groups, return_inverse=True)[1]
    before = _counts(groups, masks, pair.before.predictions[place_before] == gold.labels)
    after = _counts(groups, masks, pair.after.predictions[place_after] == gold.labels)
    return names, before, after


def _edges(pair: ProbePair, place_before: int, place_after: int) -> Kinds:
    """The edges of each distance from head to dependent; none but for tasks of distances."""
    found = []
    for fitted, place in ((pair.before, place_before), (pair.after, place_after)):
        assert isinstance(fitted, FittedTrees)
        if BY_LENGTH not in fitted.test:
            return [], np.empty(0), np.empty(0)
        counts = grouped(fitted.question.splits["test"], fitted.test[BY_LENGTH][place])
        by_length = counts.reshape(*counts.shape[:2], LONGEST_EDGE, 2)
        found.append(np.moveaxis(by_length, 2, 0))
    before, after = found
    occurs = np.flatnonzero(before[..., 1].any(axis=(1, 2)))
    names = []
    for length in (occurs + 1).tolist():
        names.append(("distance", f"{length}+" if length == LONGEST_EDGE else str(length)))
    return names, before[occurs], after[occurs]


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
