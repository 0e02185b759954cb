"""Batches: examples of like lengths together, in an order that depends on seed and epoch alone."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import torch

POOL = 50  # batches that are shuffled together before they are sorted by length


class LikeLengths(torch.utils.data.Sampler[int]):
    """The order of examples in each epoch: random, but for batches of like lengths.

    On a CPU padding costs as much as text. Since the order is drawn from the seed and the epoch, a
    run that is resumed reads what the run that was killed would have read.
    """

    def __init__(self, lengths: Sequence[int], batch: int, seed: int) -> None:
        """For examples of these lengths."""
        self.lengths = np.array(lengths)
        self.batch, self.seed, self.epoch = batch, seed, 0

    def __len__(self) -> int:
        return len(self.lengths)

    def set_epoch(self, epoch: int) -> None:
        """The epoch of the next iteration, from 0."""
        self.epoch = epoch

    def __iter__(self) -> Iterator[int]:
        random = np.random.default_rng([self.seed, self.epoch])
        order = random.permutation(len(self.lengths))
        batches: list[np.ndarray] = []
        size = POOL * self.batch
        for start in range(0, len(order), size):
            pool = order[start : start + size]
            pool = pool[np.argsort(self.lengths[pool], kind="stable")]
            batches += [pool[i : i + self.batch] for i in range(0, len(pool), self.batch)]
        # The last batch may be smaller: it stays last, as a sampler's batches are cut again.
        whole = [one for one in batches if len(one) == self.batch]
        rest = [one for one in batches if len(one) != self.batch]
        for number in random.permutation(len(whole)):
            yield from whole[number].tolist()
        for one in rest:
            yield from one.tolist()
