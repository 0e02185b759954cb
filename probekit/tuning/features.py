"""Features: the states of frozen layers, as examples for a head."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import torch

from probekit.corpora.passage import SPLITS, Corpus, Passage, Split
from probekit.states.states import States
from probekit.tuning.data import NONE, UNSEEN, Data
from probekit.tuning.encoded import Encoded


def corpus_of(data: Data) -> Corpus:
    """The texts of all examples as passages, two for a pair; texts are split at spaces."""
    splits: dict[Split, list[Passage]] = {}
    for split in SPLITS:
        passages = []
        for i, texts in enumerate(data.splits[split].texts):
            parts = [texts] if data.target == "words" else [tuple(one.split()) for one in texts]
            for j, words in enumerate(parts):
                name = f"{split}-{i + 1}-{j + 1}"
                passages.append(Passage(name, name, words))
        splits[split] = passages
    return Corpus(data.name, splits)


@dataclass(frozen=True)
class Features(Encoded):
    """Examples as states.

    Attributes:
        items: of each example its `features`, `(texts, layers, width)` of means over words, or
            `(words, layers, width)` where words have labels; and its `labels`.
        places: of each example the numbers of its words; None where there is one prediction.
        lengths: words of each example; 1 where only their mean is read.
        cut: 0, since long texts are read in windows.
    """

    def __getitem__(self, i: int) -> dict[str, Any]:
        item = self.items[i]
        if callable(item["features"]):
            return {**item, "features": item["features"]()}
        return item


def features(states: States, data: Data, split: Split) -> Features:
    """The features of the examples of a split.

    Args:
        states: of the corpus that `corpus_of` makes of the data.
        data: the examples.
        split: which of them.
    """
    offsets = states.corpus.offsets(split).tolist()
    examples = data.splits[split]
    items: list[dict[str, Any]] = []
    if data.target == "words":
        places, lengths = [], []
        for i, labels in enumerate(examples.labels):
            own = np.where(labels == UNSEEN, NONE, labels)
            read = _Words(states, split, offsets[i], offsets[i + 1])
            items.append({"features": read, "labels": own.tolist()})
            places.append(np.arange(len(labels)))
            lengths.append(len(labels))
        return Features(items, places, lengths)
    means = _means(states, split, offsets)
    per_example = len(examples.texts[0])
    for i, labels in enumerate(examples.labels):
        label: Any = float(labels[0]) if data.target == "numbers" else int(labels[0])
        if data.target == "texts" and label == UNSEEN:
            label = NONE
        rows = means[i * per_example : (i + 1) * per_example]
        items.append({"features": rows, "labels": label})
    return Features(items, None, [1] * len(items))


@dataclass(frozen=True)
class _Words:
    """The states of the words of one passage, read when they are needed."""

    states: States
    split: Split
    start: int
    stop: int

    def __call__(self) -> torch.Tensor:
        """The states, `(words, layers, width)`."""
        found = self.states.read(self.split, self.start, self.stop)
        return torch.from_numpy(np.ascontiguousarray(found.transpose(1, 0, 2), dtype=np.float32))


def _means(states: States, split: Split, offsets: Sequence[int]) -> torch.Tensor:
    """The mean over words of each passage, `(passages, layers, width)`."""
    means = np.empty((len(offsets) - 1, len(states.layers), states.dim), dtype=np.float32)
    for number, layer in enumerate(states.layers):
        whole = states.numpy(split, layer).astype(np.float32)
        for i, (start, stop) in enumerate(pairwise(offsets)):
            means[i, number] = whole[start:stop].mean(axis=0)
    return torch.from_numpy(means)


def collated(examples: Sequence[Mapping[str, Any]]) -> dict[str, torch.Tensor]:
    """A batch of examples: words are filled up to the longest."""
    labels = [example["labels"] for example in examples]
    rows = [example["features"] for example in examples]
    if not isinstance(labels[0], list):
        return {"features": torch.stack(rows), "labels": torch.tensor(labels)}
    filled = torch.nn.utils.rnn.pad_sequence(rows, batch_first=True)
    padded = [torch.tensor(one) for one in labels]
    gold = torch.nn.utils.rnn.pad_sequence(padded, batch_first=True, padding_value=NONE)
    return {"features": filled, "labels": gold}
