"""Computation: compute the shards that a store lacks, with batches in parallel, and write them.

The next shard is started before the previous one is written, so that no worker waits.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple

import numpy as np

from probekit.corpora.passage import Corpus, Split
from probekit.engine.engine import Report
from probekit.engine.workers import Pool, workers
from probekit.errors import ProbekitWarning, StoreError
from probekit.models.model import Reader
from probekit.states.in_range import require_in_range
from probekit.states.shard import Shard
from probekit.states.store import Store, went_missing
from probekit.states.texts import Texts


class Extracted(NamedTuple):
    """What became of a shard.

    Attributes:
        computed: whether it was computed now, or was there already.
        no_subword: positions in the split of its words without a subword.
    """

    computed: bool
    no_subword: tuple[int, ...]


@dataclass(frozen=True)
class _Running:
    """A shard whose batches are being computed.

    Attributes:
        shard, layers: the shard and the layers to compute.
        values: `(layers, words, dim)`, filled by the batches.
        batches: each returns the positions in the shard of the words that it filled.
        done: number of words in the shards before this one.
    """

    shard: Shard
    layers: list[int]
    values: np.ndarray
    batches: list[Future[np.ndarray]]
    done: int


class Computation:
    """Computes the missing shards of a store.

    Args:
        name: name of the model in messages.
        reader: computes the vectors.
        corpus: the corpus to read.
        store: the store to write to.
        layers: numbers of the layers to compute.
    """

    def __init__(
        self, name: str, reader: Reader, corpus: Corpus, store: Store, layers: Sequence[int]
    ) -> None:
        self.name, self.reader, self.corpus = name, reader, corpus
        self.store, self.layers = store, layers
        self._buffers = [np.empty(0, dtype=store.dtype), np.empty(0, dtype=store.dtype)]

    def run(
        self, shards: Sequence[Shard], units: Mapping[Split, np.ndarray], report: Report
    ) -> list[Extracted]:
        """Compute every shard that is missing or damaged.

        Args:
            shards: some or all shards of the corpus.
            units: borders of the texts read in one pass, as positions in the split.
            report: called with the number of words done.
        """
        done = 0
        computed: set[Shard] = set()
        texts = Texts(self.corpus, units)
        running: _Running | None = None
        with workers(self.reader.device) as pool:
            for shard in shards:
                missing = [layer for layer in self.layers if not self._is_usable(shard, layer)]
                if missing:
                    following = self._start(pool, shard, texts, missing, done)
                    self._finish(running, report)
                    running = following
                    computed.add(shard)
                done += shard.stop - shard.start
            self._finish(running, report)
        report(done)
        return [Extracted(shard in computed, self._no_subword(shard)) for shard in shards]

    def _no_subword(self, shard: Shard) -> tuple[int, ...]:
        """Positions in the split of a shard's words without a subword, from its file."""
        layer = self.layers[0]
        found = self.store.header(shard, layer)
        if found is None:
            raise StoreError(went_missing(self.store.path(shard, layer)))
        return tuple(shard.start + i for i in found.no_subword)

    def _is_usable(self, shard: Shard, layer: int) -> bool:
        if self.store.is_whole(shard, layer):
            return True
        path = self.store.path(shard, layer)
        if path.exists():
            warnings.warn(
                f"damaged states are computed again: {path}", ProbekitWarning, stacklevel=2
            )
        return False

    def _start(
        self,
        pool: Pool,
        shard: Shard,
        texts: Texts,
        layers: list[int],
        done: int,
    ) -> _Running:
        """Submit the batches of a shard."""
        self.reader.load(max(self.layers))
        values = self._buffer(len(layers), shard.stop - shard.start, self.reader.dim)
        read = partial(self.reader.read, layers=layers, values=values)
        batches = self.reader.batches(*texts.of(shard))
        futures = [pool.submit(read, batch) for batch in batches]
        return _Running(shard, layers, values, futures, done)

    def _buffer(self, *shape: int) -> np.ndarray:
        """Memory for the values of a shard.

        It is reused from two shards before, which are written: new memory is slow to touch.
        """
        buffer, size = self._buffers.pop(0), math.prod(shape)
        if buffer.size < size:
            buffer = np.empty(size + size // 8, dtype=buffer.dtype)
        self._buffers.append(buffer)
        return buffer[:size].reshape(shape)

    def _finish(self, running: _Running | None, report: Report) -> None:
        """Wait for the batches of a shard, and write it."""
        if running is None:
            return
        filled = np.zeros(running.shard.stop - running.shard.start, dtype=bool)
        for batch in running.batches:
            filled[batch.result()] = True
            report(running.done + int(filled.sum()))
        no_subword = np.flatnonzero(~filled).tolist()
        running.values[:, no_subword] = 0
        require_in_range(self.name, running.values)
        for layer, values in zip(running.layers, running.values, strict=True):
            self.store.write(running.shard, layer, values, no_subword)
