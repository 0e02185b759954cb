"""Part: a question about some passages of its corpus."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from probekit.corpora.passage import Context, Corpus, Split
from probekit.tasks.question import Instances, Question
from probekit.tasks.trees import TreeQuestion, Trees


def part_of(
    question: Question, corpus: Corpus, taken: Mapping[Split, tuple[Split, np.ndarray]]
) -> Question:
    """The question with the instances of some passages, over the same classes.

    Args:
        question: a task over `corpus`.
        corpus: the whole corpus.
        taken: for each split of the part, the split that its passages are from, and their numbers
            there, ascending. Where documents are read, whole documents.

    Returns a question over the corpus that has these passages alone.
    """
    splits: dict[Split, Instances] = {}
    for split, (source, passages) in taken.items():
        words = _words_taken(question.task.context, corpus, source, passages)
        splits[split] = words.placed(question.splits[source])
    return replace(question, splits=splits, warnings=())


def part_of_trees(
    question: TreeQuestion, corpus: Corpus, taken: Mapping[Split, tuple[Split, np.ndarray]]
) -> TreeQuestion:
    """Likewise the structural question with the trees of some passages."""
    splits: dict[Split, Trees] = {}
    for split, (source, passages) in taken.items():
        words = _words_taken(question.task.context, corpus, source, passages)
        whole = question.splits[source]
        trees = whole.take(words.begins(whole.sentences))
        sentences = words.placed(whole.sentences)
        numbered = replace(sentences, labels=trees.sentences.labels)
        splits[split] = replace(trees, sentences=numbered)
    return replace(question, splits=splits, warnings=())


@dataclass(frozen=True)
class _WordsTaken:
    """Which words of a split are in a part.

    Attributes:
        is_taken: `(words,)`.
        before: how many words of the part come before each word of the whole, `(words + 1,)`.
        units: the passages taken, or the documents where these are read, ascending.
    """

    is_taken: np.ndarray
    before: np.ndarray
    units: np.ndarray

    def begins(self, whole: Instances) -> np.ndarray:
        """Which instances begin in a word that is taken, `(n,)`."""
        return np.asarray(self.is_taken[whole.spans[:, 0, 0]])

    def placed(self, whole: Instances) -> Instances:
        """These instances, by their places in the part."""
        found = whole.take(np.flatnonzero(self.begins(whole)))
        starts = self.before[found.spans[..., 0]]
        # A span ends where its last word does: the word after it may not be taken.
        ends = self.before[found.spans[..., 1] - 1] + 1
        read = np.searchsorted(self.units, found.read)
        placed = replace(
            found,
            spans=np.stack([starts, ends], axis=-1),
            heads=None if found.heads is None else self.before[found.heads],
        )
        if found.passages is None:
            return replace(placed, groups=read)
        return replace(placed, passages=read)  # documents keep their numbers


def _words_taken(
    context: Context, corpus: Corpus, source: Split, passages: np.ndarray
) -> _WordsTaken:
    offsets = corpus.offsets(source)
    is_taken = np.zeros(len(offsets) - 1, dtype=bool)
    is_taken[passages] = True
    word_is_taken = np.repeat(is_taken, np.diff(offsets))
    before = np.zeros(int(offsets[-1]) + 1, dtype=np.int64)
    np.cumsum(word_is_taken, out=before[1:])
    units = passages
    if context == "document":
        units = np.unique(corpus.splits[source].document_numbers()[passages])
    return _WordsTaken(word_is_taken, before, units)
