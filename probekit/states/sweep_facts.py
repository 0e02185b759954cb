"""Sweep facts: the memory, the operations and the time that a sweep would take."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from probekit.corpora.passage import Split
from probekit.progress import silent
from probekit.states.sweep import Held, Sweep
from probekit.states.sweep_memory import sweep_memory

SAMPLE = 12_000  # subwords that are swept to estimate the time for all


def sweep_facts(sweep: Sweep, look: Callable[[int, np.ndarray], None]) -> dict[str, Any]:
    """What a sweep would take, from its batches and a sweep over some of them.

    The operations are those of the blocks: two for each weight of a matrix and subword, and those
    of attention. Memory and time are without the training of probes.

    Args:
        sweep: over the whole corpus.
        look: called with each layer and its vectors of the words in the sample, `(words, dim)`.

    Raises ModelError where the vectors are not finite, or too large for their type.
    """
    rows = np.array([piece.rows for piece in sweep.pieces])
    widths = np.array([piece.width for piece in sweep.pieces])
    n_rows, n_pairs = int(rows.sum()), int((rows * widths).sum())
    every = max(1, n_rows // SAMPLE)
    some = replace(sweep, pieces=sweep.pieces[::every], progress=silent, taken=[])
    lost = some.without_vector()
    for held in some.in_turn():
        for layer in held.now:
            look(layer, _of_sample(held, layer, lost))
    (taken,) = some.taken
    of_weights = 2 * taken.sizes.matrices * n_rows
    of_attention = 4 * sweep.model.dim * sweep.layers[-1] * n_pairs
    memory = sweep_memory(sweep, taken.sizes)
    seconds = taken.running * n_rows / int(rows[::every].sum())
    return {
        "subwords, with padding": n_rows,
        "hidden states in MB": _megabytes(memory.hidden),
        f"vectors of words of {sweep.at_once} layers in MB": _megabytes(memory.words),
        "a block on its way in MB": _megabytes(memory.on_the_way),
        "weights that are not mapped in MB": _megabytes(memory.weights),
        "private memory in MB, about": _megabytes(sum(memory)),
        "floating-point operations in 10^9": round((of_weights + of_attention) / 1e9, 1),
        "loading in s": round(taken.loading, 1),
        "sweep on this machine in s, without probes, about": round(seconds, 1),
    }


def _of_sample(held: Held, layer: int, lost: Mapping[Split, Sequence[int]]) -> np.ndarray:
    """The vectors of the words of a sample, `(words, dim)` in float32."""
    found = []
    for split, values in held.values[layer].items():
        found.append(np.delete(values.float().cpu().numpy(), lost[split], axis=0))
    return np.concatenate(found)


def _megabytes(n_bytes: int) -> float:
    return round(n_bytes / 1e6, 1)
