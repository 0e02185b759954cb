"""Static: word vectors (word2vec, GloVe, fastText) as a model of one layer."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
import xxhash

from probekit.errors import InputError, ModelError
from probekit.states.files import digest_file
from probekit.states.words import PieceVector

SUFFIXES = (".vec", ".txt", ".bin", ".gz")
_FASTTEXT = b"\xba\x16\x4f\x2f"  # the number that fastText's own files begin with, least byte first


class StaticVectors:
    """A file of word vectors: one layer, the same vector wherever a word stands.

    A word is looked up as it is, then in lower case. fastText's `.bin` makes vectors of unseen words from their parts.
    """

    n_layers = 1
    notices: tuple[str, ...] = ()
    device = torch.device("cpu")

    def __init__(self, path: Path, name: str) -> None:
        """Open the file.

        Raises InputError where gensim is not installed, ModelError for a file that holds no word vectors.
        """
        self.path, self.name = path, name
        self._vectors = _read(path, name)
        self.dim = int(self._vectors.vector_size)

    def fingerprint(self) -> dict[str, str]:
        """Of the file (xxh3, 128 bit)."""
        digest = xxhash.xxh3_128()
        digest_file(self.path, digest)
        return {"weights": digest.hexdigest()}

    def facts(self) -> dict[str, Any]:
        """What else the states depend on."""
        return {"layers": {"site": "vectors"}, "computed_in": "float32"}

    def reader(self, pieces: PieceVector, batch_tokens: int | None) -> StaticVectors:
        """It reads by itself: there are no pieces."""
        return self

    def load(self, last_layer: int) -> None:
        """It is loaded."""

    def batches(self, texts: Sequence[Sequence[str]], part: slice | None = None) -> Iterator[list[str]]:
        """All words at once, or those of `part`."""
        yield [word for text in texts for word in text][part or slice(None)]

    def read(self, batch: list[str], layers: Sequence[int], values: np.ndarray) -> np.ndarray:
        """Fill `values` for the words in the vocabulary; returns their places."""
        keys = [self._key(word) for word in batch]
        found = np.array([i for i, key in enumerate(keys) if key is not None], dtype=np.int64)
        if len(found):
            values[0, found] = np.stack([self._vectors[key] for key in keys if key is not None])
        return found

    def has(self, word: str) -> bool:
        """Whether it has a vector for `word`."""
        return self._key(word) is not None

    def _key(self, word: str) -> str | None:
        return next((key for key in (word, word.lower()) if key in self._vectors), None)


def _read(path: Path, name: str) -> Any:
    try:
        from gensim.models import KeyedVectors
        from gensim.models.fasttext import load_facebook_vectors
    except ImportError as error:
        raise InputError("word vectors need gensim: pip install 'probekit-nlp[static]'") from error
    try:
        with path.open("rb") as file:
            beginning = file.read(4)
        if not beginning:
            raise ModelError(f"'{name}' is empty")
        if beginning.startswith(_FASTTEXT):
            return load_facebook_vectors(path)
        if path.suffix == ".bin" or path.name.endswith(".bin.gz"):
            return KeyedVectors.load_word2vec_format(path, binary=True)
        return KeyedVectors.load_word2vec_format(path, binary=False, no_header=not _has_header(path))
    except (ValueError, TypeError, OSError, EOFError, NotImplementedError) as error:
        raise ModelError(
            f"'{name}' holds no word vectors that can be read, a line being a word and its numbers, as many in each "
            f"({error})"
        ) from error


def _has_header(path: Path) -> bool:
    """Whether the first line is word2vec's (how many words, how wide); GloVe has none."""
    from gensim import utils

    with utils.open(path, "rb") as file:
        first = file.readline().split()
    return len(first) == 2 and all(part.isdigit() for part in first)
