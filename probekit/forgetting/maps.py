"""Maps: linear maps from one checkpoint's vectors to another's, fitted on training words, and vectors seen through
them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from probekit.corpora.passage import Corpus, Split
from probekit.probes.batches import Vectors
from probekit.states.extract import States
from probekit.tasks.task import Context

RIDGES = (1e-4, 1e-2)  # of the mean variance of a dimension


@dataclass(frozen=True)
class LinearMap:
    """x -> (x - source) @ matrix + target.

    Attributes:
        source, target: means of the two sides, `(dim,)` each.
        matrix: `(dim of the source, dim of the target)`.
    """

    source: np.ndarray
    target: np.ndarray
    matrix: np.ndarray

    def __call__(self, values: np.ndarray) -> np.ndarray:
        """Map `(words, dim)`."""
        return np.asarray((values - self.source) @ self.matrix + self.target)


def procrustes(source: np.ndarray, target: np.ndarray) -> LinearMap:
    """The rotation (or reflection) that brings `source` nearest to `target`, least squares (Schönemann 1966).

    `(words, dim)` each, one row a word, of one width. There is no scaling: lengths count.
    """
    a, b = source.mean(axis=0), target.mean(axis=0)
    u, _, vt = np.linalg.svd((source - a).T @ (target - b))
    return LinearMap(a, b, (u @ vt).astype(np.float32))


def ridge(source: np.ndarray, target: np.ndarray, penalty: float) -> LinearMap:
    """The linear map nearest to `target`, with `penalty` (in mean variances of a dimension) on its size.

    `(words, dim)` each; the widths may differ.
    """
    a, b = source.mean(axis=0), target.mean(axis=0)
    centred = source - a
    covariance = (centred.T @ centred).astype(np.float64)
    # The least there is added too: vectors that do not vary are mapped to the mean.
    covariance += (penalty * np.trace(covariance) / len(covariance) + 1e-12) * np.eye(len(covariance))
    matrix = np.linalg.solve(covariance, (centred.T @ (target - b)).astype(np.float64))
    return LinearMap(a, b, matrix.astype(np.float32))


@dataclass(frozen=True)
class MappedStates(Vectors):
    """A checkpoint's states, each layer taken from another's place and seen through a map.

    Attributes:
        states: what is read.
        places: for each layer asked for, the layer read.
        maps: for each layer asked for, its map; empty for none.
        width: of the vectors given.
    """

    states: States
    places: dict[int, int]
    maps: dict[int, LinearMap]
    width: int

    @property
    def corpus(self) -> Corpus:
        """The words."""
        return self.states.corpus

    @property
    def context(self) -> Context:
        """What was read in one pass."""
        return self.states.context

    @property
    def layers(self) -> tuple[int, ...]:
        """The layers that can be asked for."""
        return tuple(self.places)

    @property
    def dim(self) -> int:
        """Width of a vector."""
        return self.width

    @property
    def dtype(self) -> str:
        """Single precision: what comes out of a map is not rounded."""
        return "float32"

    def read_into(self, out: np.ndarray, split: Split, start: int, layers: Sequence[int]) -> None:
        """Fill `out`, `(layers, words, dim)`, with the vectors of the words from `start` on."""
        read = self.states.read(split, start, start + out.shape[1], [self.places[layer] for layer in layers])
        for i, layer in enumerate(layers):
            values = read[i].astype(np.float32)
            out[i] = self.maps[layer](values) if self.maps else values
