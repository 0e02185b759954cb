"""Data: what a model is fine-tuned on, with labels of words, of texts, or numbers."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Literal

import numpy as np

from probekit.corpora.passage import SPLITS, Corpus

Target = Literal["words", "texts", "numbers", "subwords"]
"""What is predicted: a label of each word, a label of a text, a number for a text, or the text
itself, subword by subword."""

NONE = -100  # a word without a label
TEXT_METRICS = ("bits", "perplexity")  # where subwords are predicted
UNSEEN = -1  # a label that training lacks: it always counts as wrong


@dataclass(frozen=True)
class Examples:
    """The examples of one split.

    Attributes:
        texts: of each example its words, or its text or pair of texts.
        labels: of each example an array, `(words,)` of labels, or `(1,)` of its label or number;
            NONE for words without one. Empty where subwords are predicted.
        documents: `(n,)` the number of each example's document, where documents have one label
            each; never decreases. Their examples are alike, and are resampled together. None
            where each example is resampled alone.
    """

    texts: Sequence[tuple[str, ...]]
    labels: Sequence[np.ndarray]
    documents: np.ndarray | None = None

    def __len__(self) -> int:
        return len(self.labels)

    def take(self, rows: Sequence[int]) -> Examples:
        """The examples with these numbers, in this order."""
        texts, labels = [self.texts[i] for i in rows], [self.labels[i] for i in rows]
        documents = None if self.documents is None else self.documents[np.array(rows, dtype=int)]
        return Examples(texts, labels, documents)

    @property
    def units(self) -> np.ndarray:
        """`(n,)` the number of the text or document that each example is resampled with."""
        return np.arange(len(self)) if self.documents is None else self.documents

    def labelled(self) -> tuple[np.ndarray, np.ndarray]:
        """Gold labels or numbers, in order, and the unit of each (see `units`): `(n,)` each."""
        gold, units = [], []
        for unit, labels in zip(self.units, self.labels, strict=True):
            own = labels if labels.dtype.kind == "f" else labels[labels != NONE]
            gold.append(own)
            units.append(np.full(len(own), unit))
        return np.concatenate(gold), np.concatenate(units)


def raw_text(texts: Sequence[tuple[str, ...]]) -> Examples:
    """Texts without labels, one for each example; the two of a pair are examples of their own."""
    alone = [(text,) for own in texts for text in own]
    return Examples(alone, [np.zeros(0, dtype=np.int64)] * len(alone))


@dataclass(frozen=True)
class Data:
    """Examples by split, and how predictions on them are scored.

    Attributes:
        name: in results.
        target: what is predicted.
        splits: examples of `train`, of `dev`, on which the checkpoint is chosen, and of `test`,
            which is reported; and of further splits that are reported.
        classes: the labels of training, sorted; none for numbers and subwords.
        metrics: names in `METRICS`; the first one chooses.
        warnings: what a reader must know, one sentence each.
        corpus: the probekit corpus that the texts are from, if they are from one.
    """

    name: str
    target: Target
    splits: Mapping[str, Examples]
    classes: tuple[str, ...]
    metrics: tuple[str, ...]
    warnings: tuple[str, ...] = ()
    corpus: Corpus | None = None

    @property
    def reported(self) -> tuple[str, ...]:
        """The splits that are reported: `test` first, `dev` last."""
        further = [split for split in self.splits if split not in SPLITS]
        return ("test", *further, "dev")

    @cached_property
    def fingerprint(self) -> str:
        """A checksum of every text and label, and of their documents."""
        digest = hashlib.sha256("\0".join([self.target, *self.metrics, *self.classes]).encode())
        for split in SPLITS:
            examples = self.splits[split]
            for texts, labels in zip(examples.texts, examples.labels, strict=True):
                digest.update("\0".join([split, *texts]).encode(errors="surrogatepass"))
                digest.update(np.ascontiguousarray(labels, dtype=np.float64).tobytes())
            if examples.documents is not None:
                digest.update(np.ascontiguousarray(examples.documents, dtype=np.int64).tobytes())
        return digest.hexdigest()[:12]

    def limited(self, examples: int | None) -> Data:
        """The same with this many training examples, the same ones for every seed."""
        train = self.splits["train"]
        if examples is None or examples >= len(train):
            return self
        chosen = np.random.default_rng(0).permutation(len(train))[:examples]
        few = train.take(sorted(chosen.tolist()))
        return replace(self, splits={**self.splits, "train": few})
