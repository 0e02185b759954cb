"""Computation: compute the shards that a store lacks, with batches in parallel, and write them.

The next shards are started before the previous ones are written, so that no worker waits.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple

import numpy as np
import torch

from probekit.corpora.passage import Corpus, Split
from probekit.engine.engine import Report
from probekit.engine.waiting import result_of
from probekit.engine.workers import Pool, workers
from probekit.errors import ProbekitWarning, StoreError
from probekit.models.model import Reader
from probekit.states.buffers import Buffers, Values
from probekit.states.in_range import require_in_range
from probekit.states.shard import Shard, joined
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
    """Neighbouring shards whose batches are being computed.

    Attributes:
        shards, layers: the shards and the layers to compute.
        values: `(layers, words, dim)`, filled by the batches.
        batches: each returns the positions of the words that it filled.
        mark: follows the batches.
        done: number of words in the shards before these.
    """

    shards: list[Shard]
    layers: list[int]
    values: Values
    batches: list[Future[np.ndarray]]
    mark: Future[torch.cuda.Event | None]
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
        self._buffers = Buffers(reader.device, store.dtype)

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
            for group, missing in self._groups(shards):
                if missing:
                    following = self._start(pool, group, texts, missing, done)
                    self._finish(running, report)
                    running = following
                    computed.update(group)
                done += _n_words(group)
            self._finish(running, report)
        report(done)
        return [Extracted(shard in computed, self._no_subword(shard)) for shard in shards]

    def _groups(self, shards: Sequence[Shard]) -> Iterator[tuple[list[Shard], list[int]]]:
        """Neighbouring shards that are computed together, and the layers that they lack."""
        group: list[Shard] = []
        of_group: list[int] = []
        for shard in shards:
            missing = [layer for layer in self.layers if not self._is_usable(shard, layer)]
            most = self._buffers.most_words(len(self.layers), self.reader.dim)
            fits = bool(missing) and missing == of_group and _n_words([*group, shard]) <= most
            if group and not (fits and _is_next(group[-1], shard)):
                yield group, of_group
                group = []
            group.append(shard)
            of_group = missing
        if group:
            yield group, of_group

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
        shards: list[Shard],
        texts: Texts,
        layers: list[int],
        done: int,
    ) -> _Running:
        """Submit the batches of neighbouring shards."""
        self.reader.load(max(self.layers))
        values = self._buffers.next(len(layers), _n_words(shards), self.reader.dim)
        read = partial(self.reader.read, layers=layers, values=values)
        batches = self.reader.batches(*texts.of(joined(shards)))
        futures = [pool.submit(read, batch) for batch in batches]
        mark = pool.submit(self._buffers.computed)
        return _Running(shards, layers, values, futures, mark, done)

    def _finish(self, running: _Running | None, report: Report) -> None:
        """Wait for the batches of shards, and write these."""
        if running is None:
            return
        filled = np.zeros(_n_words(running.shards), dtype=bool)
        for batch in running.batches:
            filled[result_of(batch)] = True
            report(running.done + int(filled.sum()))
        with self._buffers.after(result_of(running.mark)):
            running.values[:, np.flatnonzero(~filled)] = 0
            require_in_range(self.name, running.values)
            values = self._buffers.on_host(running.values)
        first = running.shards[0].start
        for shard in running.shards:
            part = slice(shard.start - first, shard.stop - first)
            no_subword = np.flatnonzero(~filled[part]).tolist()
            for layer, of_layer in zip(running.layers, values[:, part], strict=True):
                self.store.write(shard, layer, of_layer, no_subword)


def _n_words(shards: Sequence[Shard]) -> int:
    return sum(shard.stop - shard.start for shard in shards)


def _is_next(shard: Shard, other: Shard) -> bool:
    """Whether a shard begins where another of its split ends."""
    return (shard.split, shard.stop) == (other.split, other.start)
