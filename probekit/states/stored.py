"""Stored: vectors in shards of a store."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from probekit.corpora.passage import Split
from probekit.states.shard import Shard
from probekit.states.store import Store


@dataclass(frozen=True)
class Stored:
    """Vectors of a corpus in a store.

    Attributes:
        store: the files.
        shards: runs of words, by split.
    """

    store: Store
    shards: Mapping[Split, tuple[Shard, ...]]

    @property
    def dtype(self) -> str:
        """Type of the numbers."""
        return self.store.dtype

    def read(
        self,
        split: Split,
        start: int,
        stop: int,
        layers: Sequence[int],
        out: np.ndarray | None = None,
    ) -> np.ndarray:
        """Vectors of words `start` to `stop`: see `Vectors`."""
        if out is None:
            out = np.empty((len(layers), stop - start, self.store.dim), dtype=self.dtype)
        for shard in self.shards[split]:
            low, high = max(start, shard.start), min(stop, shard.stop)
            if low >= high:
                continue
            for i, layer in enumerate(layers):
                self.store.read_into(out[i, low - start : high - start], shard, layer, low, high)
        return out
