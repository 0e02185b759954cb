"""Sweep facts: the memory, the operations and the time that a sweep would take."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from probekit.progress import silent
from probekit.states.sweep import Sweep, width_of

SAMPLE = 12_000  # subwords that are swept to estimate the time for all


def sweep_facts(sweep: Sweep) -> dict[str, Any]:
    """What a sweep would take, from its batches and a sweep over some of them.

    The operations are those of the blocks: two for each weight of a matrix and subword, and those
    of attention. The time is without the training of probes.
    """
    batches = [piece.batch for piece in sweep.pieces]
    texts = np.array([len(batch.subwords) for batch in batches])
    widths = np.array([width_of(batch, sweep.model.encoder.inputs.added) for batch in batches])
    rows = texts * widths
    n_rows, n_pairs = int(rows.sum()), int((rows * widths).sum())
    every = max(1, n_rows // SAMPLE)
    some = replace(sweep, pieces=sweep.pieces[::every], progress=silent, taken=[])
    for _ in some.in_turn():
        pass
    (taken,) = some.taken
    of_weights = 2 * taken.matrices * n_rows
    of_attention = 4 * sweep.model.dim * sweep.layers[-1] * n_pairs
    hidden, of_words = sweep.sizes()
    seconds = taken.running * n_rows / int(rows[::every].sum())
    return {
        "subwords, with padding": n_rows,
        "hidden states in MB": round(hidden / 1e6, 1),
        f"vectors of words of {sweep.at_once} layers in MB": round(of_words / 1e6, 1),
        "weights of a block in MB": round(taken.block_bytes / 1e6, 1),
        "floating-point operations in 10^9": round((of_weights + of_attention) / 1e9, 1),
        "loading in s": round(taken.loading, 1),
        "sweep on this machine in s, about": round(seconds, 1),
    }
