"""Part: a question about some passages of its corpus."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from probekit.corpora.passage import Corpus, Split
from probekit.tasks.question import Instances, Question


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
        offsets = corpus.offsets(source)
        n_words = int(offsets[-1])
        is_taken = np.zeros(len(offsets) - 1, dtype=bool)
        is_taken[passages] = True
        word_is_taken = np.repeat(is_taken, np.diff(offsets))
        # How many words of the part come before each word of the whole.
        new_place = np.zeros(n_words + 1, dtype=np.int64)
        np.cumsum(word_is_taken, out=new_place[1:])
        units = passages
        if question.task.context == "document":
            units = np.unique(corpus.splits[source].document_numbers()[passages])
        splits[split] = _instances(question.splits[source], word_is_taken, new_place, units)
    return replace(question, splits=splits, warnings=())


def _instances(
    whole: Instances, word_is_taken: np.ndarray, new_place: np.ndarray, units: np.ndarray
) -> Instances:
    """The instances whose words are taken; `units` are the groups taken, ascending."""
    found = whole.take(np.flatnonzero(word_is_taken[whole.spans[:, 0, 0]]))
    starts = new_place[found.spans[..., 0]]
    # A span ends where its last word does: the word after it may not be taken.
    ends = new_place[found.spans[..., 1] - 1] + 1
    groups = np.searchsorted(units, found.groups)
    heads = None if found.heads is None else new_place[found.heads]
    return replace(found, spans=np.stack([starts, ends], axis=-1), groups=groups, heads=heads)
