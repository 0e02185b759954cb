"""Read in memory: the vectors of a model as it is now, without the store."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from probekit.corpora.passage import SPLITS, Corpus, Split
from probekit.models.encoder import Encoder
from probekit.models.words import WordReader
from probekit.states.arrays import Arrays


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
