"""Static features: word vectors of a file, the same in every context (the second era)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from probekit.corpora.passage import SPLITS, Split
from probekit.models.static import StaticVectors
from probekit.tuning.data import NONE, Data


def static_features(data: Data, vectors: StaticVectors) -> dict[Split, Any]:
    """A matrix for each split, one row per label, standardised by training.

    Of texts: the mean vector of the words that have one. Of pairs u and v: [u; v; |u − v|; u · v].
    Of words: the vectors of the word and of its two neighbours. Words without a vector count 0.
    """
    from sklearn.preprocessing import StandardScaler

    scaler = StandardScaler()
    found: dict[Split, Any] = {}
    for split in SPLITS:
        examples = data.splits[split]
        if data.target == "words":
            rows = []
            for words, labels in zip(examples.texts, examples.labels, strict=True):
                rows.append(_with_neighbours(words, vectors)[labels != NONE])
            matrix = np.concatenate(rows)
        else:
            means = [_of_texts(texts, vectors) for texts in examples.texts]
            matrix = np.stack(means)
        if split == "train":
            scaler.fit(matrix)
        found[split] = scaler.transform(matrix)
    return found


def _vectors(words: Sequence[str], vectors: StaticVectors) -> tuple[np.ndarray, np.ndarray]:
    """The vectors of words, `(words, width)`, and the numbers of those that have one."""
    values = np.zeros((1, len(words), vectors.dim), dtype=np.float32)
    known = vectors.read(list(words), (0,), values)
    return values[0], known


def _with_neighbours(words: Sequence[str], vectors: StaticVectors) -> np.ndarray:
    own, _ = _vectors(words, vectors)
    padded = np.pad(own, ((1, 1), (0, 0)))
    return np.concatenate([padded[:-2], padded[1:-1], padded[2:]], axis=1)


def _of_texts(texts: Sequence[str], vectors: StaticVectors) -> np.ndarray:
    means = []
    for text in texts:
        values, known = _vectors(text.split(), vectors)
        means.append(values.sum(axis=0) / max(len(known), 1))
    if len(means) == 1:
        return means[0]
    first, second = means
    return np.concatenate([first, second, np.abs(first - second), first * second])
