"""Running: a model that reads a split again, with one of its layers changed."""

from __future__ import annotations

from itertools import pairwise
from typing import Protocol

import numpy as np
import torch

from probekit.corpora.passage import Split
from probekit.engine.workers import workers
from probekit.models.encoder_model import EncoderModel
from probekit.models.intervene import blocks_of
from probekit.states.extract import units_of
from probekit.states.states import States
from probekit.usage.erased import Above, Erased
from probekit.usage.kept_states import KeptStates

SPLIT: Split = "test"


class Intervention(Protocol):
    """A change of states, such as an Eraser or an Ablation."""

    def __call__(self, states: torch.Tensor) -> torch.Tensor:
        """The states `(…, dim)`, changed, of the same type."""

    def to(self, device: torch.device) -> Intervention:
        """The same on a device."""


class Running:
    """A loaded model and the texts of the test split."""

    def __init__(self, model: EncoderModel, states: States) -> None:
        """Load the weights.

        Args:
            model: the model.
            states: its states, all layers of them, as they are without a change.

        Raises InputError or ModelError where states of the model cannot be changed.
        """
        settings = states.settings
        self._states, self._encoder = states, model.encoder
        self._reader = model.reader(settings.subwords, settings.batch_tokens)
        self._blocks = blocks_of(model.encoder, at_cls=settings.subwords == "cls")
        words = states.corpus.splits[SPLIT].words.texts()
        borders = units_of(states.corpus, SPLIT, states.context).tolist()
        texts = [words[start:stop] for start, stop in pairwise(borders)]
        self._n_words = len(words)
        self._batches = list(self._reader.batches(texts))
        self._kept = KeptStates(self._encoder, self._blocks.every, self._batches)

    def after(self, layer: int, change: Intervention) -> Above:
        """The test split's vectors, with a layer changed.

        Every subword of every word is changed; or, where words take the vector of `[CLS]`, that
        token. The model computes the layers above from what is left. Other special tokens stay as
        they are: their states are unlike those that the change was fitted to.

        Layers are best changed in ascending order: what is below one is computed once (see
        `KeptStates`).
        """
        here = Erased(self._states, {layer: change})
        n_above = self._states.n_layers - 1 - layer
        # In the type of the store, so that rounding is the same before and after.
        values = np.zeros((n_above, self._n_words, self._states.dim), dtype=self._states.dtype)
        if n_above:
            above = range(layer + 1, self._states.n_layers)
            self._kept.keep(layer)

            def read(number: int) -> None:
                batch = self._batches[number]
                self._kept.run(number, lambda: self._reader.read(batch, above, values))

            with (
                self._blocks.changed(layer, change.to(self._encoder.device)),
                workers(self._encoder.device) as pool,
            ):
                for _ in pool.map(read, range(len(self._batches))):
                    pass
        return Above(here, values, layer + 1)
