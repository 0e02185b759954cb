"""Wanted: which decisions of a probe are explained, in a text that is given or in a corpus."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from probekit.corpora.passage import Corpus, Split
from probekit.errors import InputError, TaskError
from probekit.states.extract import units_of
from probekit.tasks.question import UNSEEN, Question
from probekit.tasks.task import Task
from probekit.usage.decision import Decision
from probekit.usage.places import spread

SPLIT: Split = "test"
PREDICTED = -1  # in place of a label: the one that the probe gives
MOST_PER_TEXT = 5  # decisions of one sentence or document: intervals are over these


@dataclass(frozen=True)
class Wanted:
    """Decisions, and the texts that they are in.

    Attributes:
        texts: the words of each text.
        ids: the id of each.
        decisions: the decisions, without what the model reads for them.
        gold: the label of each in the corpus; empty for a text that was given.
    """

    texts: Sequence[Sequence[str]]
    ids: Sequence[str]
    decisions: Sequence[Decision]
    gold: Sequence[str]


def of_a_text(task: Task, text: str, at: str | None) -> Wanted:
    """The decisions about a text: every word's, or the one asked for.

    Args:
        task: the task.
        text: words with spaces between them.
        at: numbers of words from 0 on: of one (`2`), a span (`0-2`), or two of these (`0-2,4`);
            None for every word, or for a task of sentences the whole text.

    Raises InputError where the text has no words or no such word, and where a task of spans needs
    to be told which.
    """
    words = text.split()
    if not words:
        raise InputError("text has no word")
    if task.shape != "word" and task.span == "head":
        raise TaskError(
            f"task '{task.name}': span 'head' reads dependencies, which a text that is given lacks"
        )
    if at is None:
        spans = _every_span(task, words)
    elif task.shape == "sentence":
        raise InputError(f"at: the task '{task.name}' labels the whole text; leave it out")
    else:
        spans = [_span_of(at, task, words)]
    decisions = [Decision(0, span, span, PREDICTED) for span in spans]
    return Wanted([words], ["text"], decisions, [""] * len(decisions))


def _every_span(task: Task, words: Sequence[str]) -> list[np.ndarray]:
    """The spans of each decision where none is asked for."""
    if task.shape == "word":
        return [np.array([[word, word + 1]]) for word in range(len(words))]
    if task.shape == "sentence":
        return [np.array([[0, len(words)]])]
    what, example = ("spans", "0-1") if task.arity == 1 else ("pairs of spans", "0-1,3")
    numbered = " ".join(f"{number}:{word}" for number, word in enumerate(words))
    raise InputError(
        f"at: the task '{task.name}' labels {what}; say which, such as at='{example}' "
        f"({numbered[:200]})"
    )


def _span_of(at: str, task: Task, words: Sequence[str]) -> np.ndarray:
    """`0-2,4` as spans `(arity, 2)`."""
    spans = []
    for part in at.split(","):
        match = re.fullmatch(r"\s*([0-9]{1,9})(?:\s*-\s*([0-9]{1,9}))?\s*", part)
        if match is None:
            raise InputError(f"at takes numbers of words such as 2, 0-2 or 0-2,4, not '{at}'")
        spans.append((int(match[1]), int(match[2] or match[1]) + 1))
    if len(spans) != task.arity:
        wanted = "one span" if task.arity == 1 else "two spans"
        raise InputError(f"at: the task '{task.name}' labels {wanted}, not {len(spans)}: '{at}'")
    for start, end in spans:
        if task.shape == "word" and end - start > 1:
            raise InputError(f"at: the task '{task.name}' labels single words: '{at}'")
        if start >= end or end > len(words):
            raise InputError(
                f"at: the text has the words 0 ('{words[0]}') to {len(words) - 1} "
                f"('{words[-1]}'), not {at}"
            )
    return np.array(spans)


def of_a_corpus(question: Question, corpus: Corpus, limit: int) -> Wanted:
    """The decisions about test instances of a corpus, whose gold label is explained.

    Args:
        question: the task and its instances.
        corpus: the corpus.
        limit: most sentences (documents, for tasks that read these), spread evenly over the split.
            Of each, at most MOST_PER_TEXT instances are drawn at random, the same ones each time.

    Raises TaskError where no instance has a label that the probe knows.
    """
    instances = question.splits[SPLIT]
    known = np.flatnonzero(instances.labels != UNSEEN)
    units = np.unique(instances.read[known])
    if not len(units):
        raise TaskError(
            f"task '{question.task.name}': no test instance of '{corpus.name}' has a label of "
            "training: there is no decision to explain"
        )
    passages = corpus.splits[SPLIT]
    every = passages.words.texts()
    borders = list(pairwise(units_of(corpus, SPLIT, question.task.context).tolist()))
    column = passages.documents if question.task.context == "document" else passages.ids
    ids = column.texts()
    read = instances.read_spans
    rng = np.random.default_rng(0)
    texts, names, decisions, gold = [], [], [], []
    for number, unit in enumerate(units[spread(len(units), limit)].tolist()):
        start, stop = borders[unit]
        texts.append(every[start:stop])
        names.append(ids[int(np.searchsorted(passages.offsets, start))])
        own = known[instances.read[known] == unit]
        drawn = rng.choice(own, min(len(own), MOST_PER_TEXT), replace=False)
        for row in sorted(drawn.tolist()):
            label = int(instances.labels[row])
            spans = instances.spans[row] - start
            group = int(instances.groups[row])
            decisions.append(Decision(number, spans, read[row] - start, label, group))
            gold.append(question.classes[label])
    return Wanted(texts, names, decisions, gold)
