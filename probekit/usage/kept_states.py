"""Kept states: those of a layer, of all texts, from which a model runs on.

Whoever changes a layer again and again need not run the blocks below it again. A family whose
blocks cannot be run one by one, or that is not listed, runs all of them each time.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

import torch

from probekit.engine.workers import workers
from probekit.models.block_by_block import why_not
from probekit.models.encoder import Encoder
from probekit.models.families import UNKNOWN
from probekit.models.partial_pass import PartialPass
from probekit.models.words import Batch

T = TypeVar("T")


class KeptStates:
    """The states of one layer, of all batches; at first of none."""

    def __init__(
        self, encoder: Encoder, blocks: torch.nn.ModuleList, batches: Sequence[Batch]
    ) -> None:
        """`encoder` is loaded, and `blocks` are its own."""
        self._encoder, self._batches = encoder, batches
        can_begin = encoder.family is not UNKNOWN and not why_not(encoder)
        self._passes = PartialPass(blocks) if can_begin else None
        self._forget()

    def _forget(self) -> None:
        self._layer = 0
        self._states: list[torch.Tensor | None] = [None] * len(self._batches)

    def keep(self, layer: int) -> None:
        """Keep the states of a layer, computed from those kept where they are of a layer below."""
        if layer < self._layer:
            self._forget()
        if self._passes is None or layer == self._layer:
            return
        with workers(self._encoder.device) as pool:
            of_layer = pool.map(lambda number: self._at(layer, number), range(len(self._batches)))
            self._states = list(of_layer)
        self._layer = layer

    def _at(self, layer: int, number: int) -> torch.Tensor | None:
        """The states of a layer, of one batch."""
        passes, subwords = self._passes, self._batches[number].subwords
        assert passes is not None

        def read() -> torch.Tensor | None:
            return passes.read_by(layer, lambda: self._encoder.hidden_states(subwords))

        found = self.run(number, read)
        return None if found is None else found.cpu()

    def run(self, number: int, run: Callable[[], T]) -> T:
        """What a function returns that runs the model on a batch, here from the states kept."""
        states = self._states[number]
        if self._passes is None or states is None:
            return run()
        with self._passes.part(self._layer, states.to(self._encoder.device)):
            return run()
