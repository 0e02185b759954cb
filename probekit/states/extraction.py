"""Extraction: computing shards of a store, in this process or in others that share its folder."""

from __future__ import annotations

import json
import socket
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from probekit.corpora.passage import Corpus, Split
from probekit.engine.engine import Report
from probekit.errors import ModelError
from probekit.models.model import Model, Reader, open_model
from probekit.states.computation import Computation, Extracted
from probekit.states.settings import ExtractSettings
from probekit.states.shard import Shard
from probekit.states.store import Store


class Extraction:
    """Computes shards, each with all threads of its process; it is the `Work` of an engine.

    Another process gets the name of the model, opens it once, and writes into the same store.

    Args:
        name: name of the model.
        reader: computes the vectors.
        corpus: the corpus to read.
        settings: how the corpus is read.
        layers: numbers of the layers to compute.
        store: the store to write to.
        units: borders of the texts read in one pass, as positions in the split.
    """

    one_thread = False

    def __init__(
        self,
        name: str,
        reader: Reader,
        corpus: Corpus,
        settings: ExtractSettings,
        layers: Sequence[int],
        store: Store,
        units: Mapping[Split, np.ndarray],
    ) -> None:
        self.name, self.corpus, self.settings = name, corpus, settings
        self.layers, self.store, self.units = layers, store, units
        self._computation: Computation | None = self._with(reader)

    def __getstate__(self) -> dict[str, Any]:
        return {**vars(self), "_computation": None}

    def run(self, jobs: Sequence[Shard], report: Report) -> list[Extracted]:
        """Compute the shards that are missing or damaged; `report` takes words done.

        Raises ModelError where this process opens another model by the same name.
        """
        if self._computation is None:
            model = self._opened()
            reader = model.reader(self.settings.subwords, self.settings.batch_tokens)
            self._computation = self._with(reader)
        return self._computation.run(jobs, self.units, report)

    def _with(self, reader: Reader) -> Computation:
        return Computation(self.name, reader, self.corpus, self.store, self.layers)

    def _opened(self) -> Model:
        """The model that its name opens here, which must be the same as where the work began."""
        model = open_model(self.name, self.settings.encoder)
        here = json.loads(json.dumps({"model": model.fingerprint(), **model.facts()}))
        planned = json.loads(self.store.manifest)
        differing = [name for name in here if here[name] != planned[name]]
        if differing:
            raise ModelError(
                f"'{self.name}' is another model on {socket.gethostname()} ({differing[0]} "
                "differs): give a folder that all workers share"
            )
        return model
