"""Live: the states of a model in memory, kept in memory; for a few sentences, again and again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from probekit.corpora.passage import SPLITS, Corpus, Split
from probekit.models.encoder import Encoder
from probekit.models.words import WordReader
from probekit.states.extract import Context


@dataclass(frozen=True)
class LiveStates:
    """One vector per word and layer of a corpus, in memory; sentences are read one by one.

    Attributes:
        corpus: the corpus read.
        layers: the layers there are.
        dim: width of a vector.
        values: `(layers, words, dim)` by split; zeros for words that became no piece.
    """

    corpus: Corpus
    layers: tuple[int, ...]
    dim: int
    values: dict[Split, np.ndarray] = field(repr=False)
    context: Context = "sentence"
    dtype: str = "float32"

    def read_into(self, out: np.ndarray, split: Split, start: int, layers: Sequence[int]) -> None:
        """Fill `out`, `(layers, words, dim)`, with the vectors of the words from `start` on."""
        for i, layer in enumerate(layers):
            out[i] = self.values[split][self.layers.index(layer), start : start + out.shape[1]]


def read_live(encoder: Encoder, corpus: Corpus, layers: Sequence[int]) -> LiveStates:
    """The states of `corpus` at `layers`, by a model as it is now."""
    reader = WordReader(encoder)
    reader.load(encoder.n_layers - 1)
    values: dict[Split, np.ndarray] = {}
    for split in SPLITS:
        words = int(corpus.offsets(split)[-1])
        values[split] = np.zeros((len(layers), words, encoder.dim), dtype=np.float32)
        for batch in reader.batches([passage.words for passage in corpus.splits[split]]):
            reader.read(batch, layers, values[split])
    return LiveStates(corpus, tuple(layers), encoder.dim, values)
