"""Part: some passages of a corpus, and the vectors of their words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import NamedTuple

import numpy as np

from probekit.corpora.passage import Corpus, Split
from probekit.states.over import Over
from probekit.states.vectors import Vectors

DENSE = 5  # words read for each that is taken, at most, to read them in one go


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
        if len(words) and words[-1] - words[0] < DENSE * len(words):
            # One read of all words in between takes less time than one for each passage.
            first, last = int(words[0]), int(words[-1])
            out[:] = self.whole.read(source, first, last + 1, layers)[:, words - first]
            return
        borders = [0, *(np.flatnonzero(np.diff(words) != 1) + 1).tolist(), len(words)]
        for begin, end in pairwise(borders):
            if begin < end:
                first, last = int(words[begin]), int(words[end - 1])
                self.whole.read(source, first, last + 1, layers, out[:, begin:end])


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
