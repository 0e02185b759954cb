"""Tensors: vectors in memory that are tensors already, on a GPU or not."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch

from probekit.corpora.passage import SPLITS, Context, Corpus, Split
from probekit.states.room import has_room
from probekit.states.vectors import Vectors

READ_WORDS = 4_096  # that are brought to a GPU at once
SHARE = 0.25  # of a GPU's free memory, that vectors may take

OfLayer = dict[Split, torch.Tensor]
"""The vectors of words of one layer, `(words, dim)` by split."""


@dataclass(frozen=True)
class Tensors:
    """`Vectors` that are tensors.

    Attributes:
        corpus: the words.
        context: what the model read in one pass.
        layers: the numbers of all layers there are.
        values: the vectors of the layers that can be read.
    """

    corpus: Corpus
    context: Context
    layers: tuple[int, ...]
    values: Mapping[int, OfLayer] = field(repr=False)

    @property
    def dim(self) -> int:
        """Width of a vector."""
        return self._any.shape[1]

    @property
    def dtype(self) -> str:
        """Type of the numbers."""
        return str(self._any.dtype).removeprefix("torch.")

    @property
    def _any(self) -> torch.Tensor:
        return next(iter(self.values.values()))["train"]

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
            out = np.empty((len(layers), stop - start, self.dim), dtype=self.dtype)
        for of_layer, layer in zip(out, layers, strict=True):
            of_layer[:] = self.values[layer][split][start:stop].cpu().numpy()
        return out

    def gather(
        self, out: np.ndarray, split: Split, words: np.ndarray, layers: Sequence[int]
    ) -> None:
        """Write the vectors of some words, by their positions in the split, into `out`, `(layers,
        words, dim)`."""
        for of_layer, layer in zip(out, layers, strict=True):
            values = self.values[layer][split]
            rows = values.index_select(0, torch.from_numpy(words).to(values.device))
            of_layer[:] = rows.cpu().numpy()

    def take(
        self, split: Split, slices: Sequence[tuple[int, int]], layers: Sequence[int]
    ) -> torch.Tensor:
        """Vectors of several runs of words, `(layers, words, dim)`, where they lie. One run of one
        layer is not copied.

        Args:
            split: the split.
            slices: the first position in the split of each run, and the one after its last.
            layers: numbers of the layers.
        """
        if len(layers) == 1 and len(slices) == 1:
            start, stop = slices[0]
            return self.values[layers[0]][split][start:stop].unsqueeze(0)
        words = sum(stop - start for start, stop in slices)
        found = self._any.new_empty(len(layers), words, self.dim)
        for of_layer, layer in zip(found, layers, strict=True):
            values = self.values[layer][split]
            torch.cat([values[start:stop] for start, stop in slices], out=of_layer)
        return found


def taken(
    states: Vectors, split: Split, slices: Sequence[tuple[int, int]], layers: Sequence[int]
) -> torch.Tensor:
    """Vectors of several runs of words, `(layers, words, dim)`: where they lie, or else on the CPU.

    Args: as for `Tensors.take`.
    """
    if isinstance(states, Tensors):
        return states.take(split, slices, layers)
    words = sum(stop - start for start, stop in slices)
    found = np.empty((len(layers), words, states.dim), dtype=states.dtype)
    place = 0
    for start, stop in slices:
        states.read(split, start, stop, layers, found[:, place : place + stop - start])
        place += stop - start
    return torch.from_numpy(found)


def at_hand(states: Vectors, layers: Sequence[int], device: torch.device) -> Vectors:
    """The same vectors on a GPU, where they fit and are not there yet; on a CPU as they are.

    Args:
        states: the vectors.
        layers: those that are read.
        device: where they are read.
    """
    if isinstance(states, Tensors):
        return states
    n_words = sum(int(states.corpus.offsets(split)[-1]) for split in SPLITS)
    size = len(layers) * n_words * states.dim * np.dtype(states.dtype).itemsize
    if not has_room(size, device, SHARE):
        return states
    values: dict[int, OfLayer] = {layer: {} for layer in layers}
    for split in SPLITS:
        every = _on_device(states, split, layers, device)
        for layer, of_layer in zip(layers, every, strict=True):
            values[layer][split] = of_layer
    return Tensors(states.corpus, states.context, tuple(layers), values)


def _on_device(
    states: Vectors, split: Split, layers: Sequence[int], device: torch.device
) -> torch.Tensor:
    """The vectors of a split on a GPU, `(layers, words, dim)`. They are read in page-locked memory,
    one part while the one before is copied."""
    n = int(states.corpus.offsets(split)[-1])
    dtype = getattr(torch, states.dtype)
    found = torch.empty(len(layers), n, states.dim, dtype=dtype, device=device)
    shape = (2, len(layers), min(n, READ_WORDS), states.dim)
    buffers = torch.empty(shape, dtype=dtype, pin_memory=True)
    copied = [torch.cuda.Event(), torch.cuda.Event()]
    for number, start in enumerate(range(0, n, READ_WORDS)):
        stop = min(n, start + READ_WORDS)
        buffer, is_copied = buffers[number % 2], copied[number % 2]
        is_copied.synchronize()
        part = buffer[:, : stop - start]
        states.read(split, start, stop, layers, part.numpy())
        for of_layer, read in zip(found, part, strict=True):
            of_layer[start:stop].copy_(read, non_blocking=True)
        is_copied.record()
    torch.cuda.synchronize(device)  # before the buffers are given back
    return found
