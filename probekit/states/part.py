"""Part: some passages of a corpus, and the vectors of their words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import NamedTuple

import numpy as np

from probekit.corpora.passage import Corpus, Split
from probekit.states.over import Over
from probekit.states.tensors import Tensors
from probekit.states.vectors import Vectors

# Words: so many that lie between two that are taken cost less than a read of its own.
MOST_BETWEEN, MOST_AT_ONCE = 256, 4_096


class Taken(NamedTuple):
    """Passages that become a split of a part.

    Attributes:
        split: the split of the whole corpus that they are from.
        passages: their numbers there, ascending, `(n,)`.
    """

    split: Split
    passages: np.ndarray


@dataclass(frozen=True)
class Part(Over):
    """`Vectors` of some passages, from those of all.

    Attributes:
        passages: those of the part.
        taken: where each split's passages are from.
        words: for each split, the positions `(words,)` of its words in the split they are from.
    """

    passages: Corpus
    taken: Mapping[Split, Taken]
    words: Mapping[Split, np.ndarray]

    @property
    def corpus(self) -> Corpus:
        """The passages of the part."""
        return self.passages

    def fill(self, out: np.ndarray, split: Split, start: int, layers: Sequence[int]) -> None:
        """See `Over`."""
        stop = start + out.shape[1]
        words = self.words[split][start:stop]
        source = self.taken[split].split
        if isinstance(self.whole, Tensors):
            self.whole.gather(out, source, words, layers)
            return
        is_new = (np.diff(words) > MOST_BETWEEN) | (np.diff(words // MOST_AT_ONCE) > 0)
        borders = [0, *(np.flatnonzero(is_new) + 1).tolist(), len(words)]
        for begin, end in pairwise(borders):
            if begin < end:
                first, last = int(words[begin]), int(words[end - 1])
                read = self.whole.read(source, first, last + 1, layers)
                np.take(read, words[begin:end] - first, 1, out[:, begin:end], "clip")


def part_of(whole: Vectors, taken: Mapping[Split, Taken]) -> Part:
    """The vectors of some passages.

    Where documents are read, `taken` must hold whole documents.
    """
    splits = {}
    words = {}
    for split, (source, passages) in taken.items():
        splits[split] = whole.corpus.splits[source].take(passages)
        words[split] = words_of(whole.corpus.offsets(source), passages)
    return Part(whole, replace(whole.corpus, splits=splits), taken, words)


def words_of(offsets: np.ndarray, passages: np.ndarray) -> np.ndarray:
    """Positions of the words of passages, in their order: `(words,)`.

    >>> words_of(np.array([0, 2, 5, 6]), np.array([0, 2])).tolist()
    [0, 1, 5]
    """
    lengths = offsets[passages + 1] - offsets[passages]
    ends = np.cumsum(lengths)
    within = np.arange(int(ends[-1]) if len(ends) else 0) - np.repeat(ends - lengths, lengths)
    return np.asarray(np.repeat(offsets[passages], lengths) + within)
