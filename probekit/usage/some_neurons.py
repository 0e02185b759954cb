"""Some neurons: vectors of some dimensions of layers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from probekit.corpora.passage import Corpus, Split
from probekit.states.over import Over


class Choice(NamedTuple):
    """Some neurons of a layer.

    Attributes:
        layer: number of the layer.
        neurons: their numbers, `(k,)`.
    """

    layer: int
    neurons: np.ndarray


@dataclass(frozen=True)
class SomeNeurons(Over):
    """`Vectors` with a few of the dimensions; each choice of these stands in place of a layer, so
    that probes of all choices are fitted at once.

    Attributes:
        choices: of as many neurons each.
    """

    choices: Sequence[Choice]

    @property
    def corpus(self) -> Corpus:
        """The words."""
        return self.whole.corpus

    @property
    def layers(self) -> Sequence[int]:
        """The numbers of the choices."""
        return range(len(self.choices))

    @property
    def dim(self) -> int:
        """Width of a vector."""
        return len(self.choices[0].neurons)

    def read(
        self,
        split: Split,
        start: int,
        stop: int,
        layers: Sequence[int],
        out: np.ndarray | None = None,
    ) -> np.ndarray:
        """Vectors of words `start` to `stop`: see `Vectors`; `layers` are numbers of choices."""
        if out is None:
            out = np.empty((len(layers), stop - start, self.dim), dtype=self.dtype)
        read: dict[int, np.ndarray] = {}
        for number, place in enumerate(layers):
            layer, neurons = self.choices[place]
            if layer not in read:
                read[layer] = self.whole.read(split, start, stop, [layer])[0]
            out[number] = read[layer][:, neurons]
        return out
