"""Sweep memory: what a sweep has in memory of its own at one time."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from probekit.corpora.passage import SPLITS
from probekit.engine.workers import count
from probekit.models.block_by_block import BlockSizes
from probekit.states.sweep import Sweep

FLOAT = 4  # bytes
GAPS = 64_000_000  # bytes that the system's allocator may keep for each thread, beside these


class Memory(NamedTuple):
    """Bytes of private memory. None of them depends on how many layers a model has.

    Weights that are mapped from their files are not counted: the system may drop them.

    Attributes:
        hidden: the hidden states of all texts at one layer.
        words: the vectors of words of the layers that are in memory together.
        on_the_way: what a block makes of a batch on the way to its output, in each thread.
        weights: the largest block and the embeddings, where these are not mapped.
    """

    hidden: int
    words: int
    on_the_way: int
    weights: int


def sweep_memory(sweep: Sweep, sizes: BlockSizes) -> Memory:
    """What a sweep has in memory.

    Args:
        sweep: the sweep.
        sizes: of the model's blocks.
    """
    dim, n_bytes = sweep.reader.dim, sweep.model.dtype.itemsize
    rows = [piece.rows for piece in sweep.pieces]
    n_words = sum(int(sweep.corpus.offsets(split)[-1]) for split in SPLITS)
    # Of each row: what is read, its norm, queries, keys and values, the output; and the wide part
    # of a gated feed-forward layer three times.
    of_row = n_bytes * (7 * dim + 3 * sizes.widest)
    return Memory(
        hidden=sum(rows) * dim * n_bytes,
        words=sweep.at_once * n_words * dim * np.dtype(sweep.dtype).itemsize,
        on_the_way=count(sweep.reader.device) * max(rows) * of_row,
        weights=0 if sizes.is_mapped else (sizes.largest + sizes.others) * n_bytes,
    )
