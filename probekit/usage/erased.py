"""Erased: vectors of words as they are after an erasure, or another change of their states."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch

from probekit.corpora.passage import Split
from probekit.models.intervene import Change
from probekit.states.over import Over


@dataclass(frozen=True)
class Erased(Over):
    """`Vectors` of which each layer has had something erased, each by itself.

    A word's vector is a mean of its subwords' states, or one of them. An affine map of the mean is
    the mean of the maps, so that this is what comes of erasing in every subword's state.

    Attributes:
        erasers: of each layer; a layer without one is as it was.
    """

    erasers: Mapping[int, Change]

    @property
    def dtype(self) -> str:
        """Type of the numbers."""
        return "float32"

    def fill(self, out: np.ndarray, split: Split, start: int, layers: Sequence[int]) -> None:
        """See `Over`."""
        stop = start + out.shape[1]
        found = self.whole.read(split, start, stop, layers)
        for number, layer in enumerate(layers):
            values = torch.from_numpy(found[number].astype(np.float32))
            if layer in self.erasers:
                values = self.erasers[layer](values)
            out[number] = values.numpy()


@dataclass(frozen=True)
class Above(Over):
    """`Vectors` of a split in which the upper layers are as computed after an erasure.

    Attributes:
        computed: the layers above the one erased, `(layers, words, dim)`.
        first: the lowest of these.
    """

    computed: np.ndarray
    first: int

    @property
    def dtype(self) -> str:
        """Type of the numbers."""
        return "float32"

    def fill(self, out: np.ndarray, split: Split, start: int, layers: Sequence[int]) -> None:
        """See `Over`."""
        stop = start + out.shape[1]
        for number, layer in enumerate(layers):
            if layer < self.first:
                out[number] = self.whole.read(split, start, stop, [layer])[0]
            else:
                out[number] = self.computed[layer - self.first, start:stop]
