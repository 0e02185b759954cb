"""Flipped: the test instances that were right before and are wrong after, with their sentences."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Annotated

import numpy as np

from probekit.corpora.passage import Corpus
from probekit.forgetting.comparison_rows import Compared
from probekit.forgetting.probe_pair import ProbePair
from probekit.probes.behaviour.behave import Behaved
from probekit.probes.predictions import located
from probekit.probes.slices import Slice, slices
from probekit.results import columns
from probekit.results.columns import COUNT, UNIT
from probekit.results.schema import Means, Precedes, encodable
from probekit.tasks.trees import TreeQuestion

HALF = 0.5


@dataclass(frozen=True, kw_only=True)
class FlippedRow(Compared):
    """A test instance that most probes label right before and wrong after, at the best layers, and
    at the layers of by_label.csv where these differ; or a minimal pair that the model decides right
    before and wrong after."""

    task: Annotated[columns.TaskName, Precedes("corpus")]
    layer_before: Annotated[int | None, Means("of the probes before; empty for pairs", COUNT)]
    layer_after: Annotated[int | None, Means("of those after; empty for pairs", COUNT)]
    instance: Annotated[int, Means("its number in the task's test split", "from 0")]
    sentence: Annotated[str, Means("id of the sentence that the span begins in")]
    text: Annotated[str, Means("that sentence; of a pair the one that is right")]
    words: Annotated[str, Means("of the span, or of both spans with ` … ` between them")]
    gold: Annotated[str, Means("the label that the corpus gives it; empty for pairs")]
    predicted: Annotated[
        str, Means("what most probes predict after; of a pair the sentence that is wrong")
    ]
    right_before: Annotated[float, Means("share of the probes that are right before", UNIT)]
    right_after: Annotated[float, Means("share of those that are right after", UNIT)]
    slices: Annotated[list[str], Means("the slices it is in, as `frequency: 1-9`")]
    task_fingerprint: columns.TaskFingerprint


def flipped_instances(
    pair: ProbePair, layers: tuple[int, int], corpus: Corpus
) -> Iterator[FlippedRow]:
    """The instances that most seeds label right at a layer before, and most of them wrong at a
    layer after.

    Args:
        pair: the probes of a task.
        layers: before and after.
        corpus: that both read.
    """
    layer_before, layer_after = layers
    if isinstance(pair.question, TreeQuestion):
        return  # a tree is neither right nor wrong
    test = pair.question.splits["test"]
    after = pair.after.predictions[pair.after.layers.index(layer_after)]
    before = pair.before.predictions[pair.before.layers.index(layer_before)]
    right_before = (before == test.labels).mean(axis=0)
    right_after = (after == test.labels).mean(axis=0)
    places = np.flatnonzero((right_before > HALF) & (right_after < HALF))
    if not len(places):
        return
    gold = test.gold.take(places).texts()
    said = most_frequent(after[:, places])
    spans = [located(corpus, one) for one in test.spans[places].transpose(1, 0, 2)]
    sentences = spans[0]["sentence"].to_pylist()
    texts = _sentences(corpus, test.spans[places, 0, 0])
    words = [" … ".join(of_spans) for of_spans in zip(*_words(spans), strict=True)]
    kinds = list(slices(pair.question, corpus))
    for number, place in enumerate(places.tolist()):
        about = pair.about
        yield FlippedRow(
            before=about.before,
            after=about.after,
            task=about.task,
            corpus=about.corpus,
            before_fingerprint=about.before_fingerprint,
            after_fingerprint=about.after_fingerprint,
            corpus_fingerprint=about.corpus_fingerprint,
            task_fingerprint=about.task_fingerprint,
            layer_before=layer_before,
            layer_after=layer_after,
            instance=place,
            sentence=encodable(sentences[number]),
            text=encodable(texts[number]),
            words=encodable(words[number]),
            gold=encodable(gold[number]),
            predicted=encodable(pair.question.classes[said[number]]),
            right_before=float(right_before[place]),
            right_after=float(right_after[place]),
            slices=_slices_of(kinds, place),
        )


def flipped_pairs(
    about: Compared, task_fingerprint: str, before: Behaved, after: Behaved
) -> Iterator[FlippedRow]:
    """The minimal pairs that were decided right before and wrong after.

    Args:
        about: the two checkpoints.
        task_fingerprint: of the task.
        before, after: of the same question.
    """
    question = before.question
    for number, pair in enumerate(question.pairs):
        right_before, right_after = before.values[number, 0], after.values[number, 0]
        if not (right_before > HALF and right_after < HALF):
            continue
        yield FlippedRow(
            **vars(about),
            task=question.task.name,
            task_fingerprint=task_fingerprint,
            layer_before=None,
            layer_after=None,
            instance=number,
            sentence=encodable(pair.sentence),
            text=encodable(" ".join(pair.good)),
            words="",
            gold="",
            predicted=encodable(" ".join(pair.bad)),
            right_before=float(right_before),
            right_after=float(right_after),
            slices=[],
        )


def most_frequent(predicted: np.ndarray) -> np.ndarray:
    """The label that most seeds predict for each instance, `(n,)`; of several the first seed's.

    Args:
        predicted: `(seeds, n)`.

    >>> most_frequent(np.array([[1, 4], [2, 5], [2, 6]])).tolist()
    [2, 4]
    """
    votes = (predicted[:, None] == predicted[None]).sum(axis=1)
    return np.take_along_axis(predicted, votes.argmax(axis=0)[None], axis=0)[0]


def _words(spans: Sequence[dict[str, object]]) -> Iterator[list[str]]:
    for one in spans:
        yield one["words"].to_pylist()  # type: ignore[attr-defined]


def _sentences(corpus: Corpus, starts: np.ndarray) -> list[str]:
    """The text of the sentence in which each position lies."""
    passages = corpus.splits["test"]
    at = np.searchsorted(passages.offsets, starts, side="right") - 1
    words = passages.words.texts()
    begins, ends = passages.offsets[at].tolist(), passages.offsets[at + 1].tolist()
    return [" ".join(words[begin:end]) for begin, end in zip(begins, ends, strict=True)]


def _slices_of(kinds: Sequence[Slice], place: int) -> list[str]:
    return [f"{one.kind}: {one.value}" for one in kinds if one.mask[place]]
