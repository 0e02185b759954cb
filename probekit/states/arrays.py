"""Arrays: vectors in memory."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from probekit.corpora.passage import SPLITS, Context, Corpus, Split
from probekit.models.encoder import Encoder
from probekit.models.words import WordReader


@dataclass(frozen=True)
class Arrays:
    """Vectors of a corpus in memory.

    Attributes:
        corpus: the words.
        layers: the numbers of the layers.
        values: `(layers, words, dim)` by split, of one type.
        context: what the model read in one pass.
    """

    corpus: Corpus
    layers: tuple[int, ...]
    values: Mapping[Split, np.ndarray] = field(repr=False)
    context: Context = "sentence"

    @property
    def dim(self) -> int:
        """Width of a vector."""
        return self._any.shape[2]

    @property
    def dtype(self) -> str:
        """Type of the numbers."""
        return str(self._any.dtype)

    @property
    def _any(self) -> np.ndarray:
        return next(iter(self.values.values()))

    def read(
        self,
        split: Split,
        start: int,
        stop: int,
        layers: Sequence[int],
        out: np.ndarray | None = None,
    ) -> np.ndarray:
        """Vectors of words `start` to `stop`: see `Vectors`."""
        numbers = [self.layers.index(layer) for layer in layers]
        found = self.values[split][numbers, start:stop]
        if out is None:
            return found
        out[:] = found
        return out


def read_in_memory(encoder: Encoder, corpus: Corpus, layers: Sequence[int]) -> Arrays:
    """Vectors of `corpus` at `layers` from the current weights of a model, in float32.

    Sentences are read one by one. Words without a subword have zero vectors.
    """
    reader = WordReader(encoder)
    reader.load(encoder.n_layers - 1)
    values: dict[Split, np.ndarray] = {}
    for split in SPLITS:
        words = int(corpus.offsets(split)[-1])
        values[split] = np.zeros((len(layers), words, encoder.dim), dtype=np.float32)
        for batch in reader.batches([passage.words for passage in corpus.splits[split]]):
            reader.read(batch, layers, values[split])
    return Arrays(corpus, tuple(layers), values)
