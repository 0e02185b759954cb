"""Padded: sentences of similar length as one tensor."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from probekit.engine.streams import sent
from probekit.tasks.trees import Trees

WIDER = 1.5  # how many times as long as the shortest sentence of a group the longest one may be


@dataclass(frozen=True)
class Padded:
    """Sentences of a batch, padded to one length n with their own last word.

    Attributes:
        numbers: `(sentences,)` places among all trees of the split.
        places: `(sentences, n)` positions of words in the batch.
        is_word: `(sentences, n)` False for padding.
        lengths: `(sentences,)` words.
    """

    numbers: np.ndarray
    places: Tensor
    is_word: Tensor
    lengths: Tensor


def padded(trees: Trees, numbers: Tensor, spans: Tensor, wider: float = WIDER) -> Iterator[Padded]:
    """The sentences of a batch in groups of similar length.

    Args:
        trees: of the split.
        numbers: `(sentences,)` which of them are in the batch.
        spans: `(sentences, 1, 2)` where they are in it, on the CPU.
        wider: see WIDER; 1 for groups of equal length, without padding.
    """
    chosen, starts = numbers.cpu().numpy(), spans[:, 0, 0].numpy()
    lengths = trees.lengths[chosen]
    if not len(lengths):
        return
    order = np.argsort(lengths, kind="stable")
    borders = [0]
    for place, length in enumerate(lengths[order].tolist()):
        if length > wider * lengths[order[borders[-1]]]:
            borders.append(place)
    for group in np.split(order, borders[1:]):
        longest = int(lengths[group].max())
        within = np.minimum(np.arange(longest), lengths[group][:, None] - 1)
        is_word = np.arange(longest) < lengths[group][:, None]
        yield Padded(
            chosen[group],
            sent(torch.from_numpy(starts[group][:, None] + within), numbers.device),
            sent(torch.from_numpy(is_word), numbers.device),
            sent(torch.from_numpy(lengths[group]), numbers.device),
        )


def padded_heads(trees: Trees, group: Padded) -> np.ndarray:
    """The head of each word of a group, `(sentences, n)`; padding has the last word's."""
    return trees.heads[_words(trees, group)]


def padded_depths(trees: Trees, group: Padded) -> np.ndarray:
    """The depth of each word of a group, `(sentences, n)`; padding has the last word's."""
    return trees.depths[_words(trees, group)]


def padded_distances(trees: Trees, group: Padded) -> np.ndarray:
    """Edges between each two words of a group, `(sentences, n, n)`; padding is as the last word."""
    lengths, within = _within(trees, group)
    first = trees.pair_offsets[group.numbers][:, None, None]
    return trees.distances[first + within[:, :, None] * lengths[:, :, None] + within[:, None, :]]


def _within(trees: Trees, group: Padded) -> tuple[np.ndarray, np.ndarray]:
    """Words of each sentence `(sentences, 1)`, and places in it `(sentences, n)`."""
    lengths = trees.lengths[group.numbers][:, None]
    return lengths, np.minimum(np.arange(group.is_word.shape[1]), lengths - 1)


def _words(trees: Trees, group: Padded) -> np.ndarray:
    """Places among the words of all trees, `(sentences, n)`."""
    return np.asarray(trees.offsets[group.numbers][:, None] + _within(trees, group)[1])
