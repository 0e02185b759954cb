"""Static: word vectors (word2vec, GloVe, fastText) as a model of one layer."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import torch
import xxhash

from probekit.models.files import digest_file
from probekit.models.word_vectors import read_vectors
from probekit.models.words import SubwordVector, no_cls


class StaticVectors:
    """A file of word vectors: one layer, and the same vector for a word in any context.

    A word is looked up as written, then in lower case. fastText's `.bin` makes vectors of unseen
    words from their parts.
    """

    n_layers = 1
    warnings: tuple[str, ...] = ()
    device = torch.device("cpu")

    def __init__(self, path: Path, name: str) -> None:
        """Read the file.

        Raises InputError where gensim is needed and not installed, ModelError for a file that holds
        no word vectors.
        """
        self.path, self.name = path, name
        self._vectors = read_vectors(path, name)
        self.dim = int(self._vectors.vector_size)

    def fingerprint(self) -> dict[str, str]:
        """Checksum of the file (xxh3, 128 bit)."""
        digest = xxhash.xxh3_128()
        digest_file(self.path, digest)
        return {"weights": digest.hexdigest()}

    def facts(self) -> dict[str, Any]:
        """What else the states depend on, in codes."""
        return {"layers": {"site": "vectors"}, "computed_in": "float32"}

    def reader(self, subwords: SubwordVector, batch_tokens: int | None) -> StaticVectors:
        """The model itself: there are no subwords, and no `cls` (raises InputError)."""
        if subwords == "cls":
            raise no_cls(self.name)
        return self

    def load(self, last_layer: int) -> None:
        """Nothing to do: the vectors are in memory."""

    def release(self) -> None:
        """Nothing to do: the vectors are the whole model."""

    def batches(
        self, texts: Sequence[Sequence[str]], part: slice | None = None
    ) -> Iterator[list[str]]:
        """All words at once, or those of `part`."""
        yield list(chain.from_iterable(texts))[part or slice(None)]

    def read(self, batch: list[str], layers: Sequence[int], values: np.ndarray) -> np.ndarray:
        """Write the vectors of known words into `values`; returns the positions of these words."""
        keys = [self._key(word) for word in batch]
        found = np.array([i for i, key in enumerate(keys) if key is not None], dtype=np.int64)
        if len(found):
            values[0, found] = np.stack([self._vectors[key] for key in keys if key is not None])
        return found

    def has(self, word: str) -> bool:
        """Whether there is a vector for `word`."""
        return self._key(word) is not None

    def _key(self, word: str) -> str | None:
        return next((key for key in (word, word.lower()) if key in self._vectors), None)
