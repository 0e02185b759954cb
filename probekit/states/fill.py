"""Fill: run a checkpoint over what a store lacks, batches side by side, and write it shard by shard.

The next shard is begun before the last one is written, so that no worker waits.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

import numpy as np
import torch
from scipy.sparse import csr_matrix

from probekit.corpora.passage import SPLITS, Corpus, Split
from probekit.errors import ProbekitWarning, StoreError
from probekit.progress import Progress
from probekit.states.align import Pieces, Window, align, windows
from probekit.states.encoder import Encoder
from probekit.states.store import Shard, Store
from probekit.workers import workers

PieceVector = Literal["mean", "first", "last"]

CPU_BATCH, GPU_BATCH = 1_024, 32_768  # pieces a batch, padding included


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
        encoder: the checkpoint.
        corpus: what it reads.
        store: where vectors go.
        layers: the layers wanted.
        pieces: how a word's vector comes from its pieces'.
        batch_tokens: pieces a batch, padding included; None for what suits the device.
    """

    def __init__(
        self,
        encoder: Encoder,
        corpus: Corpus,
        store: Store,
        *,
        layers: Sequence[int],
        pieces: PieceVector,
        batch_tokens: int | None,
    ) -> None:
        self.encoder, self.corpus, self.store, self.layers, self.pieces = encoder, corpus, store, layers, pieces
        self._rooms = [np.empty(0, dtype=store.dtype), np.empty(0, dtype=store.dtype)]
        self.budget = batch_tokens or (CPU_BATCH if encoder.device.type == "cpu" else GPU_BATCH)

    def fill(self, units: dict[Split, np.ndarray], shards: dict[Split, tuple[Shard, ...]], progress: Progress) -> int:
        """Compute every shard that is not there whole; returns how many that were.

        `units` are the borders of what is read in one pass, as positions in the split.
        """
        words = {split: [w for p in self.corpus.splits[split] for w in p.words] for split in SPLITS}
        total, done, computed = sum(map(len, words.values())), 0, 0
        begun: _Begun | None = None
        with workers(self.encoder.device) as pool:
            for shard in (shard for split in SPLITS for shard in shards[split]):
                if missing := [layer for layer in self.layers if not self._usable(shard, layer)]:
                    borders = units[shard.split]
                    borders = borders[(borders >= shard.start) & (borders <= shard.stop)].tolist()
                    texts = [words[shard.split][a:b] for a, b in pairwise(borders)]
                    following = self._begin(pool, shard, texts, missing, done)
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
            warnings.warn(f"damaged states are computed again: {path}", ProbekitWarning, stacklevel=2)
        return False

    def _begin(
        self, pool: ThreadPoolExecutor, shard: Shard, texts: list[list[str]], layers: list[int], done: int
    ) -> _Begun:
        self.encoder.load(max(self.layers))
        pieces = align(texts, self.encoder.tokenizer)
        starts = np.cumsum([0] + [len(text) for text in texts])
        values = self._room(len(layers), shard.stop - shard.start, self.encoder.dim)

        def compute(batch: list[Window]) -> np.ndarray:
            return read_batch(self.encoder, batch, pieces, starts, layers, self.pieces, values)

        futures = [pool.submit(compute, batch) for batch in batches(pieces, self.encoder.limit, self.budget)]
        return _Begun(shard, layers, values, futures, done)

    def _room(self, *shape: int) -> np.ndarray:
        """Memory for a shard's values: that of the shard before the last, which is written, since new memory is
        slow to touch."""
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
        no_piece = np.flatnonzero(~have).tolist()
        begun.values[:, no_piece] = 0
        self._check_range(begun.values)
        for layer, values in zip(begun.layers, begun.values, strict=True):
            self.store.write(begun.shard, layer, values, no_piece)

    def _check_range(self, states: np.ndarray) -> None:
        for values in states:
            if not torch.isfinite(torch.stack(torch.from_numpy(values).aminmax())).all():
                raise StoreError(
                    f"'{self.encoder.name}' has hidden states that {self.store.dtype} cannot hold: "
                    "use --store-dtype float32"
                )


def read_batch(
    encoder: Encoder,
    batch: list[Window],
    pieces: Sequence[Pieces],
    starts: np.ndarray,
    layers: Sequence[int],
    take: PieceVector,
    values: np.ndarray,
) -> np.ndarray:
    """Run a batch, and fill the vectors of the words that take theirs from it.

    Args:
        encoder: the model, loaded.
        batch: the windows.
        pieces: of each text that the windows name.
        starts: place in `values` of each text's first word.
        layers: the layers kept.
        take: how a word's vector comes from its pieces'.
        values: `(layers, words, dim)`, filled here.

    Returns the places of the words filled.
    """
    hidden = encoder.hidden_states([pieces[w.text].ids[w.start : w.stop] for w in batch])
    pooling, words = averaging(batch, starts, hidden[0].shape[1], len(encoder.prefix), take)
    dtype = getattr(torch, str(values.dtype))
    for i, layer in enumerate(layers):
        # A sparse product on one thread beats a few dozen small parallel operations.
        vectors = pooling @ hidden[layer].reshape(-1, encoder.dim).float().cpu().numpy()
        values[i, words] = torch.from_numpy(vectors).to(dtype).numpy()
    return words


def batches(pieces: Sequence[Pieces], limit: int, budget: int) -> Iterator[list[Window]]:
    """Windows over all texts, sorted by length, in batches of at most `budget` pieces, padding included."""
    every = [window for number, text in enumerate(pieces) for window in windows(number, text, limit)]
    every.sort(key=lambda window: window.start - window.stop)
    batch: list[Window] = []
    for window in every:
        longest = batch[0].stop - batch[0].start if batch else 0
        if batch and longest * (len(batch) + 1) > budget:
            yield batch
            batch = []
        batch.append(window)
    if batch:
        yield batch


def averaging(
    batch: list[Window], starts: np.ndarray, width: int, prefix: int, take: PieceVector
) -> tuple[csr_matrix, np.ndarray]:
    """The matrix `(words, rows)` that takes a batch's flattened hidden states to words' vectors, and the words.

    Args:
        batch: the windows, one a row of the batch.
        starts: position in the shard of each text's first word.
        width: pieces in a row of the batch, padding and special tokens included.
        prefix: special tokens before a text.
        take: the `mean` of a word's pieces, or its `first` or `last` one.

    Returns the matrix, and the words' positions in the shard `(words,)`.
    """
    rows = np.concatenate([i * width + prefix + window.own for i, window in enumerate(batch)])
    owners = np.concatenate([starts[window.text] + window.word for window in batch])
    first = np.flatnonzero(np.diff(owners, prepend=-1))
    borders = np.append(first, len(owners))
    words, shape = owners[first], (len(first), len(batch) * width)
    if take != "mean":
        rows = rows[first if take == "first" else borders[1:] - 1]
        borders = np.arange(len(words) + 1)
    counts = np.diff(borders)
    weights = np.repeat(1 / counts, counts).astype(np.float32)
    return csr_matrix((weights, rows, borders), shape=shape), words
