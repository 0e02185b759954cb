"""Texts: the words that a model reads for a shard."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise

import numpy as np

from probekit.corpora.passage import Corpus, Split
from probekit.states.shard import Shard


class Texts:
    """The texts that shards are of.

    Args:
        corpus: the words.
        units: borders of the texts read in one pass, as positions in the split.
    """

    def __init__(self, corpus: Corpus, units: Mapping[Split, np.ndarray]) -> None:
        self._corpus, self._units = corpus, units
        self._texts: list[list[str]] = []
        self._read: tuple[Split | None, list[int]] = (None, [])

    def of(self, shard: Shard) -> tuple[list[list[str]], slice | None]:
        """The words of each text of a shard, and which of them, counted over all of these texts,
        are the shard's: None for all.

        The shards of one long text get the same list, so that a reader aligns it once.
        """
        borders = _borders_around(self._units[shard.split], shard)
        first = borders[0]
        if (shard.split, borders) != self._read:
            words = self._corpus.splits[shard.split].words.texts(first, borders[-1])
            self._texts = [words[a - first : b - first] for a, b in pairwise(borders)]
            self._read = (shard.split, borders)
        part = slice(shard.start - first, shard.stop - first)
        is_whole = part == slice(0, borders[-1] - first)
        return self._texts, None if is_whole else part


def _borders_around(units: np.ndarray, shard: Shard) -> list[int]:
    """Borders of the units from which a shard has words: whole ones, or one that it is part of."""
    first = int(np.searchsorted(units, shard.start, side="right")) - 1
    last = int(np.searchsorted(units, shard.stop, side="left"))
    return [int(border) for border in units[first : last + 1]]
