"""Whitened: words of single layers in the coordinates of their probes, in memory.

Probes are trained in coordinates that are the states times a matrix (see `scaling`). The fit
multiplies by that matrix either the weights at every step, or the words once. On small corpora,
which take many steps, the words are less work.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch

from probekit.corpora.passage import SPLITS, Split
from probekit.probes.scaling import Scaling
from probekit.states.arrays import Arrays
from probekit.states.tensors import OfLayer, Tensors
from probekit.states.vectors import Vectors

MOST_BYTES = 1 << 29  # of one group of layers
READ_WORDS = 4_096


def whitened(states: Vectors, layers: Sequence[int], scaling: Scaling) -> Vectors:
    """`(x - mean) @ basis` of every word x of `states` at `layers`, float32; where `states` lie.

    The basis of `scaling` must be the same for every task.
    """
    basis = scaling.bases[0]
    assert basis is not None
    if isinstance(states, Tensors):
        return _tensors(states, layers, scaling.mean, basis)
    mean, basis = scaling.mean.cpu(), basis.cpu()
    values = {split: _values(states, split, layers, mean, basis) for split in SPLITS}
    return Arrays(states.corpus, tuple(layers), values, states.context)


def n_words(states: Vectors) -> int:
    """Words of all splits."""
    return sum(int(states.corpus.offsets(split)[-1]) for split in SPLITS)


def _tensors(
    states: Tensors, layers: Sequence[int], mean: torch.Tensor, basis: torch.Tensor
) -> Tensors:
    values: dict[int, OfLayer] = {layer: {} for layer in layers}
    for split in SPLITS:
        n = int(states.corpus.offsets(split)[-1])
        white = mean.new_empty(len(layers), n, states.dim)
        for start in range(0, n, READ_WORDS):
            part = white[:, start : start + READ_WORDS]
            words = states.take(split, [(start, start + part.shape[1])], layers)
            part.copy_(torch.bmm(words.to(mean.device).float() - mean, basis))
        for layer, of_layer in zip(layers, white, strict=True):
            values[layer][split] = of_layer
    return Tensors(states.corpus, states.context, tuple(layers), values)


def _values(
    states: Vectors, split: Split, layers: Sequence[int], mean: torch.Tensor, basis: torch.Tensor
) -> np.ndarray:
    n = int(states.corpus.offsets(split)[-1])
    values = np.empty((len(layers), n, states.dim), dtype=np.float32)
    for start in range(0, n, READ_WORDS):
        part = values[:, start : start + READ_WORDS]
        words = states.read(split, start, start + part.shape[1], layers)
        torch.bmm(torch.from_numpy(words).float() - mean, basis, out=torch.from_numpy(part))
    return values
