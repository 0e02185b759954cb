"""Maps: linear maps from one checkpoint's vectors to another's, fitted on training words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from probekit.corpora.passage import Split
from probekit.states.over import Over

# Penalties, as shares of the mean variance of a dimension: the smaller undoes any invertible map,
# the larger is for noise.
RIDGES = (1e-6, 1e-2)
BLOCK = 4_096  # words summed at a time


@dataclass(frozen=True)
class LinearMap:
    """x -> (x - source) @ matrix + target.

    Attributes:
        source, target: means of the vectors mapped from and to, `(dim,)` each.
        matrix: `(dim of the source, dim of the target)`.
    """

    source: np.ndarray
    target: np.ndarray
    matrix: np.ndarray

    def __call__(self, values: np.ndarray) -> np.ndarray:
        """Map `(words, dim)`."""
        return np.asarray((values - self.source) @ self.matrix + self.target)


def linear_maps(source: np.ndarray, target: np.ndarray) -> dict[str, LinearMap]:
    """The maps from `source` to `target`, `(words, dim)` each and of the same words, by name.

    They are `procrustes` where the widths are the same, and `ridge PENALTY` for each of RIDGES.
    """
    found = {}
    if source.shape[1] == target.shape[1]:
        found["procrustes"] = procrustes(source, target)
    for penalty, fitted in ridges(source, target, RIDGES).items():
        found[f"ridge {penalty:g}"] = fitted
    return found


def procrustes(source: np.ndarray, target: np.ndarray) -> LinearMap:
    """The rotation (or reflection) that brings `source` nearest to `target`, least squares
    (Schönemann 1966).

    `(words, dim)` each, one row per word, of one width. There is no scaling: lengths count.
    """
    a, b = source.mean(axis=0), target.mean(axis=0)
    u, _, vt = np.linalg.svd((source - a).T @ (target - b))
    return LinearMap(a, b, (u @ vt).astype(np.float32))


def ridges(
    source: np.ndarray, target: np.ndarray, penalties: Sequence[float]
) -> dict[float, LinearMap]:
    """For each penalty on its size, the linear map that brings `source` nearest to `target`.

    Penalties are in mean variances of a dimension. `source` and `target` are `(words, dim)`; their
    widths may differ. Sums are in double precision: in single precision a direction a thousand
    times as long as the others would drown them.
    """
    a, b = source.mean(axis=0), target.mean(axis=0)
    own = np.zeros((source.shape[1],) * 2)
    both = np.zeros((source.shape[1], target.shape[1]))
    for start in range(0, len(source), BLOCK):
        centred = (source[start : start + BLOCK] - a).astype(np.float64)
        own += centred.T @ centred
        both += centred.T @ (target[start : start + BLOCK] - b).astype(np.float64)
    variance = np.trace(own) / len(own)
    maps = {}
    for penalty in penalties:
        # The tiny constant is for vectors that do not vary: they are mapped to the mean.
        penalised = own + (penalty * variance + 1e-12) * np.eye(len(own))
        maps[penalty] = LinearMap(a, b, np.linalg.solve(penalised, both).astype(np.float32))
    return maps


@dataclass(frozen=True)
class MappedStates(Over):
    """A checkpoint's states in the layers of another, each through its map.

    Attributes:
        places: for each layer given, the layer read.
        maps: for each layer given, its map; empty for none.
        width: of the vectors given.
    """

    places: dict[int, int]
    maps: dict[int, LinearMap]
    width: int

    @property
    def layers(self) -> tuple[int, ...]:
        """The layers given."""
        return tuple(self.places)

    @property
    def dim(self) -> int:
        """Width of a vector."""
        return self.width

    @property
    def dtype(self) -> str:
        """Single precision: mapped vectors are not rounded."""
        return "float32"

    def fill(self, out: np.ndarray, split: Split, start: int, layers: Sequence[int]) -> None:
        """See `Over`."""
        places = [self.places[layer] for layer in layers]
        found = self.whole.read(split, start, start + out.shape[1], places)
        for i, layer in enumerate(layers):
            values = found[i].astype(np.float32)
            out[i] = self.maps[layer](values) if self.maps else values
