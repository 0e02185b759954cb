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
from probekit.tuning.data import NONE, UNSEEN, Data, Target
from probekit.tuning.encoded import Encoded


def corpus_of(data: Data) -> Corpus:
    """The texts of all examples as passages, two for a pair; texts are split at spaces.

    Splits that a corpus does not have follow each other in its test split.
    """
    splits: dict[Split, list[Passage]] = {split: [] for split in SPLITS}
    for split, examples in data.splits.items():
        for i, texts in enumerate(examples.texts):
            parts = [texts] if data.target == "words" else [tuple(one.split()) for one in texts]
            for j, words in enumerate(parts):
                name = f"{split}-{i + 1}-{j + 1}"
                splits[_home(split)].append(Passage(name, name, words))
    return Corpus(data.name, splits)


def _home(split: str) -> Split:
    """The split of a corpus that the examples of a split are in."""
    return next((one for one in SPLITS if one == split), "test")


def _places(states: States, data: Data, split: str) -> list[tuple[int, int]]:
    """The first word of each passage of a split's examples in the corpus, and the one after its
    last."""
    home, first = _home(split), 0
    for other, examples in data.splits.items():
        if other == split:
            break
        if _home(other) == home:
            first += sum(1 if data.target == "words" else len(one) for one in examples.texts)
    own = data.splits[split].texts
    count = sum(1 if data.target == "words" else len(one) for one in own)
    return list(pairwise(states.corpus.offsets(home).tolist()))[first : first + count]


@dataclass(frozen=True)
class Features(Encoded):
    """Examples as states.

    Attributes:
        items: of each example its `labels` and its `features`, `(texts, layers, width)` of means
            over words; or those of every word, a list of `(words, layers, width)` for each text.
        places: of each example the numbers of its words; None where there is one prediction.
        lengths: words of each example's longest text; 1 where only their mean is read.
        cut: 0, since long texts are read in windows.
    """

    def __getitem__(self, i: int) -> dict[str, Any]:
        item = self.items[i]
        if callable(item["features"]):
            return {**item, "features": item["features"]()}
        return item


def features(states: States, data: Data, split: str) -> Features:
    """The features of the examples of a split.

    Args:
        states: of the corpus that `corpus_of` makes of the data.
        data: the examples.
        split: which of them.
    """
    if data.target == "words":
        return sequences(states, data, split)
    examples = data.splits[split]
    items: list[dict[str, Any]] = []
    means = _means(states, _home(split), _places(states, data, split))
    per_example = len(examples.texts[0])
    for i, labels in enumerate(examples.labels):
        rows = means[i * per_example : (i + 1) * per_example]
        items.append({"features": rows, "labels": _label(labels, data.target)})
    return Features(items, None, [1] * len(items))


def sequences(states: States, data: Data, split: str) -> Features:
    """The states of every word of the examples of a split, read when they are needed.

    Args:
        states, data, split: as for `features`.

    Each example's `features` is a list of its texts, `(words, layers, width)` each.
    """
    places, examples = _places(states, data, split), data.splits[split]
    per_example = 1 if data.target == "words" else len(examples.texts[0])
    items: list[dict[str, Any]] = []
    lengths = []
    for i, labels in enumerate(examples.labels):
        own = tuple(places[i * per_example : (i + 1) * per_example])
        read = _Texts(states, _home(split), own)
        items.append({"features": read, "labels": _label(labels, data.target)})
        lengths.append(max(stop - start for start, stop in own))
    if data.target != "words":
        return Features(items, None, lengths)
    return Features(items, [np.arange(len(labels)) for labels in examples.labels], lengths)


def _label(labels: np.ndarray, target: Target) -> Any:
    """The label of an example, or those of its words; NONE for one that training lacks."""
    if target == "numbers":
        return float(labels[0])
    own: list[int] = np.where(labels == UNSEEN, NONE, labels).tolist()
    return own if target == "words" else own[0]


@dataclass(frozen=True)
class _Texts:
    """The states of the words of some passages, read when they are needed."""

    states: States
    split: Split
    places: tuple[tuple[int, int], ...]

    def __call__(self) -> list[torch.Tensor]:
        """The states of each, `(words, layers, width)`."""
        found = []
        for start, stop in self.places:
            read = self.states.read(self.split, start, stop).transpose(1, 0, 2)
            found.append(torch.from_numpy(np.ascontiguousarray(read, dtype=np.float32)))
        return found


def _means(states: States, split: Split, places: Sequence[tuple[int, int]]) -> torch.Tensor:
    """The mean over words of each passage, `(passages, layers, width)`."""
    means = np.empty((len(places), len(states.layers), states.dim), dtype=np.float32)
    for number, layer in enumerate(states.layers):
        whole = states.numpy(split, layer).astype(np.float32)
        for i, (start, stop) in enumerate(places):
            means[i, number] = whole[start:stop].mean(axis=0)
    return torch.from_numpy(means)


def collated(examples: Sequence[Mapping[str, Any]]) -> dict[str, torch.Tensor]:
    """A batch of examples: words are filled up to the longest."""
    if isinstance(examples[0]["labels"], list):
        whole = collated_sequences(examples)
        return {"features": whole["features"][:, 0], "labels": whole["labels"]}
    rows = torch.stack([example["features"] for example in examples])
    return {"features": rows, "labels": torch.tensor([example["labels"] for example in examples])}


def collated_sequences(examples: Sequence[Mapping[str, Any]]) -> dict[str, torch.Tensor]:
    """A batch of examples with the states of every word.

    Returns `features` `(n, texts, words, layers, width)`, filled up to the longest text, `lengths`
    `(n, texts)`, and `labels` `(n,)` or `(n, words)`.
    """
    texts = [text for example in examples for text in example["features"]]
    shape = (len(examples), len(examples[0]["features"]))
    filled = torch.nn.utils.rnn.pad_sequence(texts, batch_first=True).unflatten(0, shape)
    lengths = torch.tensor([len(text) for text in texts]).unflatten(0, shape)
    labels = [example["labels"] for example in examples]
    if not isinstance(labels[0], list):
        return {"features": filled, "lengths": lengths, "labels": torch.tensor(labels)}
    padded = [torch.tensor(one) for one in labels]
    gold = torch.nn.utils.rnn.pad_sequence(padded, batch_first=True, padding_value=NONE)
    return {"features": filled, "lengths": lengths, "labels": gold}
