"""Some neurons: vectors of some dimensions of layers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from probekit.corpora.passage import Split
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
    def layers(self) -> Sequence[int]:
        """The numbers of the choices."""
        return range(len(self.choices))

    @property
    def dim(self) -> int:
        """Width of a vector."""
        return len(self.choices[0].neurons)

    def fill(self, out: np.ndarray, split: Split, start: int, layers: Sequence[int]) -> None:
        """See `Over`; `layers` are numbers of choices."""
        stop = start + out.shape[1]
        read: dict[int, np.ndarray] = {}
        for number, place in enumerate(layers):
            layer, neurons = self.choices[place]
            if layer not in read:
                read[layer] = self.whole.read(split, start, stop, [layer])[0]
            out[number] = read[layer][:, neurons]
