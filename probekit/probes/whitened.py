"""Whitened: words of single layers in the coordinates of their probes, in memory.

Probes are trained in coordinates that are the states times a matrix (see `scaling`). The fit
multiplies by that matrix the weights at every step, the words of each batch, or all words once,
whichever is the least work. On small corpora, which take many steps, that is the last.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch

from probekit.corpora.passage import SPLITS, Split
from probekit.probes.scaling import Scaling
from probekit.states.tensors import OfLayer, Tensors, taken
from probekit.states.vectors import Vectors

# Of one layer: which layers are trained together must not decide how, since that depends on the
# number of threads and on the engine, and rounding may choose another round.
MOST_BYTES = 1 << 27
GROUP_BYTES = 1 << 29  # of the layers trained together: fewer, where words are many
READ_WORDS = 4_096


def whitened(states: Vectors, layers: Sequence[int], scaling: Scaling) -> Tensors:
    """`(x - mean) @ basis` of every word x of `states` at `layers`, float32, where the basis lies.

    The basis of `scaling` must be the same for every task.
    """
    values: dict[int, OfLayer] = {layer: {} for layer in layers}
    for split in SPLITS:
        white = _values(states, split, layers, scaling)
        for layer, of_layer in zip(layers, white, strict=True):
            values[layer][split] = of_layer
    return Tensors(states.corpus, states.context, tuple(layers), values)


def n_words(states: Vectors) -> int:
    """Words of all splits."""
    return sum(int(states.corpus.offsets(split)[-1]) for split in SPLITS)


def _values(states: Vectors, split: Split, layers: Sequence[int], scaling: Scaling) -> torch.Tensor:
    n, mean = int(states.corpus.offsets(split)[-1]), scaling.mean
    values = mean.new_empty(len(layers), n, states.dim)
    for start in range(0, n, READ_WORDS):
        part = values[:, start : start + READ_WORDS]
        words = taken(states, split, [(start, start + part.shape[1])], layers)
        # Copied: products written into a slice may be lost on GPUs of Apple (see `triangles`).
        part.copy_(scaling.white(words.to(mean.device).float()))
    return values
