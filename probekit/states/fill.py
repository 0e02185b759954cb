"""Fill: read what a store lacks, batches side by side, and write it shard by shard.

The next shard is begun before the last one is written, so that no worker waits.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from itertools import pairwise

import numpy as np
import torch

from probekit.corpora.passage import SPLITS, Corpus, Split
from probekit.engine.workers import workers
from probekit.errors import ModelError, ProbekitWarning, StoreError
from probekit.models.model import Reader
from probekit.progress import Progress
from probekit.states.shard import Shard
from probekit.states.store import Store


@dataclass(frozen=True)
class _Begun:
    """A shard whose batches are on their way.

    Attributes:
        shard, layers: what is computed.
        values: `(layers, words, dim)`, filled by the batches.
        batches: each gives the words, as positions in the shard, that it filled.
        done: words of the corpus before this shard.
    """

    shard: Shard
    layers: list[int]
    values: np.ndarray
    batches: list[Future[np.ndarray]]
    done: int


class Filler:
    """Fills a store.

    Args:
        name: what messages call the model.
        reader: what gives the vectors.
        corpus: what it reads.
        store: where vectors go.
        layers: the layers wanted.
    """

    def __init__(
        self, name: str, reader: Reader, corpus: Corpus, store: Store, layers: Sequence[int]
    ) -> None:
        self.name, self.reader, self.corpus, self.store, self.layers = (
            name,
            reader,
            corpus,
            store,
            layers,
        )
        self._rooms = [np.empty(0, dtype=store.dtype), np.empty(0, dtype=store.dtype)]

    def fill(
        self,
        units: dict[Split, np.ndarray],
        shards: dict[Split, tuple[Shard, ...]],
        progress: Progress,
    ) -> int:
        """Compute every shard that is not there whole; returns how many that were.

        `units` are the borders of what is read in one pass, as positions in the split.
        """
        words = {split: self.corpus.splits[split].words for split in SPLITS}
        total, done, computed = sum(map(len, words.values())), 0, 0
        begun: _Begun | None = None
        texts: list[list[str]] = []
        read: tuple[Split | None, list[int]] = (None, [])
        with workers(self.reader.device) as pool:
            for shard in (shard for split in SPLITS for shard in shards[split]):
                if missing := [layer for layer in self.layers if not self._usable(shard, layer)]:
                    borders = _around(units[shard.split], shard)
                    if (
                        shard.split,
                        borders,
                    ) != read:  # the shards of one long text read it as it is
                        row = words[shard.split].texts(borders[0], borders[-1])
                        texts = [row[a - borders[0] : b - borders[0]] for a, b in pairwise(borders)]
                        read = (shard.split, borders)
                    following = self._begin(pool, shard, texts, borders[0], missing, done)
                    self._finish(begun, total, progress)
                    begun, computed = following, computed + 1
                done += shard.stop - shard.start
            self._finish(begun, total, progress)
        progress("extract", total, total)
        return computed

    def _usable(self, shard: Shard, layer: int) -> bool:
        if self.store.is_whole(shard, layer):
            return True
        path = self.store.path(shard, layer)
        if path.exists():
            warnings.warn(
                f"damaged states are computed again: {path}", ProbekitWarning, stacklevel=2
            )
        return False

    def _begin(
        self,
        pool: ThreadPoolExecutor,
        shard: Shard,
        texts: list[list[str]],
        first: int,
        layers: list[int],
        done: int,
    ) -> _Begun:
        self.reader.load(max(self.layers))
        values = self._room(len(layers), shard.stop - shard.start, self.reader.dim)
        read = partial(self.reader.read, layers=layers, values=values)
        part = slice(shard.start - first, shard.stop - first)
        whole = part == slice(0, sum(map(len, texts)))
        batches = self.reader.batches(texts) if whole else self.reader.batches(texts, part)
        futures = [pool.submit(read, batch) for batch in batches]
        return _Begun(shard, layers, values, futures, done)

    def _room(self, *shape: int) -> np.ndarray:
        """Memory for a shard's values: that of the shard before the last, which is written, since
        new memory is slow to touch."""
        room, size = self._rooms.pop(0), math.prod(shape)
        room = room if room.size >= size else np.empty(size + size // 8, dtype=room.dtype)
        self._rooms.append(room)
        return room[:size].reshape(shape)

    def _finish(self, begun: _Begun | None, total: int, progress: Progress) -> None:
        """Wait for the batches of a shard, and write it."""
        if begun is None:
            return
        have = np.zeros(begun.shard.stop - begun.shard.start, dtype=bool)
        for batch in begun.batches:
            have[batch.result()] = True
            progress("extract", begun.done + int(have.sum()), total)
        no_subword = np.flatnonzero(~have).tolist()
        begun.values[:, no_subword] = 0
        self._check_range(begun.values)
        for layer, values in zip(begun.layers, begun.values, strict=True):
            self.store.write(begun.shard, layer, values, no_subword)

    def _check_range(self, states: np.ndarray) -> None:
        for values in states:
            ends = torch.stack(torch.from_numpy(values).aminmax())
            if ends.isnan().any() or (self.store.dtype == "float32" and ends.isinf().any()):
                raise ModelError(
                    f"'{self.name}' has vectors that are not numbers (NaN or infinite): its weights are broken"
                )
            if ends.isinf().any():
                raise StoreError(
                    f"'{self.name}' has hidden states that {self.store.dtype} cannot hold: use store_dtype='float32'"
                )


def _around(units: np.ndarray, shard: Shard) -> list[int]:
    """Borders of the units that a shard has words of: its own, or those of a unit that it is a part
    of."""
    first = int(np.searchsorted(units, shard.start, side="right")) - 1
    last = int(np.searchsorted(units, shard.stop, side="left"))
    return [int(border) for border in units[first : last + 1]]
