"""Fitted trees: trained structural probes of one task, and what they predict, as counts."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from probekit.probes.batches import Runs
from probekit.probes.structural.padded import Padded, padded
from probekit.probes.structural.tree_heads import TreeHead
from probekit.stats.tree_metrics import (
    OF_SHAPES,
    TREE_METRICS,
    count_edges_by_length,
    edges_of_all_lengths,
)
from probekit.tasks.trees import SameLength, TreeQuestion, Trees

BY_LENGTH = "by_length"
"""The name of counts of edges by length, beside those of metrics."""

# The more words are read at once, the more sentences of one length are among them.
FEWEST_WORDS, MOST_WORDS = 1_536, 8_192
MOST_NUMBERS = 1 << 24  # of mapped words at once
MOST_PAIRS = 1 << 22  # of words, whose predicted distances are ranked at once

Counts = dict[str, np.ndarray]
"""What each metric counts in each tree, `(layers, seeds, trees, k)`; of distances BY_LENGTH too."""


@dataclass(frozen=True)
class WordMaps:
    """The affine maps of words that structural probes begin with.

    Attributes:
        weights: `(layers, dim, seeds * width)`.
        bias: `(layers, 1, seeds * width)`.
        seeds: how many; those of several questions where these are alike.
    """

    weights: Tensor
    bias: Tensor
    seeds: int

    def __call__(self, states: Tensor) -> Tensor:
        """Mapped words `(layers, words, seeds, width)`, from `(layers, words, dim)`."""
        mapped = torch.baddbmm(self.bias, states, self.weights)
        return mapped.unflatten(2, (self.seeds, mapped.shape[2] // self.seeds))

    def of_seeds(self, numbers: slice) -> WordMaps:
        """Those of some seeds, by their numbers."""
        width = self.weights.shape[2] // self.seeds
        columns = slice(numbers.start * width, numbers.stop * width)
        n = numbers.stop - numbers.start
        return WordMaps(self.weights[..., columns].clone(), self.bias[..., columns].clone(), n)

    def scaled(self, by: Tensor) -> WordMaps:
        """With mapped words multiplied by `(layers, seeds, width)`."""
        flat = by.flatten(1)[:, None].to(self.weights)
        return WordMaps(self.weights * flat, self.bias * flat, self.seeds)


@dataclass(frozen=True)
class FittedTrees:
    """Trained structural probes of one task, and how they do.

    Attributes:
        question: the task and its trees.
        kind: of probe.
        rank: of its transforms.
        layers: the layers that the probes read.
        seeds: the seeds.
        test: what is counted on test, see Counts.
        dev: the same on dev.
        dev_loss: `(layers, seeds)`.
        epochs: `(layers, seeds)` that the chosen probe was trained for.
        maps: the probes, in parts of some layers each.
        refitted: likewise counts on test `(layers, resamples, trees, k)` of probes that were
            trained on resamples of the training sentences; None without these.
    """

    question: TreeQuestion
    kind: str
    rank: int
    layers: tuple[int, ...]
    seeds: tuple[int, ...]
    test: Counts
    dev: Counts
    dev_loss: np.ndarray
    epochs: np.ndarray
    maps: tuple[tuple[tuple[int, ...], WordMaps], ...]
    refitted: Counts | None = None

    @property
    def head(self) -> str:
        """The kind of probe, as of `Fitted`."""
        return self.kind

    @property
    def predictions(self) -> np.ndarray:
        """What the task's own metric counts on test, `(layers, seeds, trees, k)`."""
        return self.test[self.question.task.metric]

    @property
    def dev_predictions(self) -> np.ndarray:
        """The same on dev."""
        return self.dev[self.question.task.metric]

    @property
    def refits(self) -> np.ndarray | None:
        """The same of the refits on test, `(layers, resamples, trees, k)`."""
        return None if self.refitted is None else self.refitted[self.question.task.metric]

    @property
    def n_parameters(self) -> int:
        """How many numbers one of the probes learns."""
        layers, maps = self.maps[0]
        return (maps.weights.numel() + maps.bias.numel()) // (len(layers) * maps.seeds)

    def by_metric(self, name: str) -> FittedTrees:
        """The same probes, of a task with another of its metrics."""
        task = replace(self.question.task, metric=name)
        return replace(self, question=replace(self.question, task=task))


def joined_trees(parts: Sequence[FittedTrees]) -> FittedTrees:
    """Fits of one task with different layers as one."""
    layers: tuple[int, ...] = ()
    maps: tuple[tuple[tuple[int, ...], WordMaps], ...] = ()
    for part in parts:
        layers += part.layers
        maps += part.maps
    refitted = [part.refitted for part in parts if part.refitted is not None]
    return replace(
        parts[0],
        layers=layers,
        maps=maps,
        test=joined_counts([part.test for part in parts]),
        dev=joined_counts([part.dev for part in parts]),
        dev_loss=np.concatenate([part.dev_loss for part in parts]),
        epochs=np.concatenate([part.epochs for part in parts]),
        refitted=joined_counts(refitted) if refitted else None,
    )


def joined_counts(parts: Sequence[Counts], axis: int = 0) -> Counts:
    """Counts of different layers (or of different seeds, with axis 1) as one."""
    found = {}
    for name in parts[0]:
        found[name] = np.concatenate([part[name] for part in parts], axis=axis)
    return found


@torch.no_grad()
def measure(
    maps: Sequence[WordMaps],
    heads: Sequence[TreeHead],
    trees: Sequence[Trees],
    runs: Runs,
    layers: Sequence[int],
) -> list[Counts]:
    """What trained probes of each task count in a split.

    Args:
        maps, heads, trees: of each task, or of questions that are alike; the trees are those of
            the split.
        runs: the split, with the sentences of these trees.
        layers: of the states, those that the maps read, in their order.
    """
    found: list[Counts] = [{} for _ in maps]
    for batch in runs.batches(_words_at_once(maps), layers, maps[0].weights.device):
        for t, of_words in enumerate(maps):
            mapped = of_words(batch.states)
            shape = (len(layers), of_words.seeds)
            groups = list(padded(trees[t], batch.labels[t], batch.spans[t], 1))
            for group, words in zip(groups, of_sentences(mapped, groups), strict=True):
                gold = trees[t].of_same_length(group.numbers)
                for name, counts in _counted(heads[t], words, gold).items():
                    new = np.zeros((*shape, len(trees[t]), counts.shape[-1]))
                    every = found[t].setdefault(name, new)
                    every[:, :, group.numbers] = counts.reshape(*shape, *counts.shape[1:])
    return found


def _words_at_once(maps: Sequence[WordMaps]) -> int:
    """How many words are read at once."""
    numbers = max(of_words.bias.numel() for of_words in maps)  # of one word
    return min(MOST_WORDS, max(FEWEST_WORDS, MOST_NUMBERS // numbers))


def _counted(head: TreeHead, words: Tensor, gold: SameLength) -> Counts:
    """What the metrics count of mapped words `(cells, sentences, n, width)`, some cells at a time:
    to rank distances takes memory."""
    pairs = words.shape[1] * words.shape[2] ** 2
    parts = []
    for some in words.split(max(1, MOST_PAIRS // pairs)):
        parts.append(counts_of(head.shape, head.predict(some).cpu().numpy(), gold))
    return joined_counts(parts)


@torch.no_grad()
def sentence_losses(
    maps: Sequence[WordMaps],
    heads: Sequence[TreeHead],
    trees: Sequence[Trees],
    runs: Runs,
    layers: Sequence[int],
) -> list[np.ndarray]:
    """The losses of the words of each tree of a split, summed: `(layers, seeds, trees)` for each
    task. The arguments are those of `measure`."""
    found = []
    for of_words, of_task in zip(maps, trees, strict=True):
        found.append(np.zeros((len(layers), of_words.seeds, len(of_task))))
    for batch in runs.batches(_words_at_once(maps), layers, maps[0].weights.device):
        for t, of_words in enumerate(maps):
            mapped = of_words(batch.states)
            groups = list(padded(trees[t], batch.labels[t], batch.spans[t]))
            for group, words in zip(groups, of_sentences(mapped, groups), strict=True):
                gold = torch.from_numpy(heads[t].gold(trees[t], group)).to(mapped.device)
                mean = heads[t].loss(words, gold, group)
                total = (mean * group.lengths).cpu().numpy()
                found[t][:, :, group.numbers] = total.reshape(*found[t].shape[:2], -1)
    return found


def counts_of(shape: str, predicted: np.ndarray, gold: SameLength) -> Counts:
    """What the metrics of a shape of task count, `(cells, trees, k)` each; of distances also edges
    by length."""
    found = {}
    if shape == "distance":
        found[BY_LENGTH] = count_edges_by_length(predicted, gold)
        found["uuas"] = edges_of_all_lengths(found[BY_LENGTH])
    for name in OF_SHAPES[shape]:
        if name not in found:
            found[name] = TREE_METRICS[name].counts(predicted, gold)
    return found


def of_sentences(mapped: Tensor, groups: Sequence[Padded]) -> Iterator[Tensor]:
    """Mapped words `(cells, sentences, n, width)` of each group of sentences, from those of a batch
    `(layers, words, seeds, width)`."""
    if not groups:
        return
    # Read once: words read for each group would have a gradient as large as the whole.
    places = [group.places.flatten() for group in groups]
    read = mapped.index_select(1, torch.cat(places))
    sizes = [len(of_group) for of_group in places]
    for of_group, group in zip(read.split(sizes, dim=1), groups, strict=True):
        yield of_group.unflatten(1, group.places.shape).permute(0, 3, 1, 2, 4).flatten(0, 1)


def grouped(trees: Trees, counts: np.ndarray) -> np.ndarray:
    """Counts `(…, groups, k)` of sentences or documents, from those of trees `(…, trees, k)`."""
    first = np.flatnonzero(np.diff(trees.groups, prepend=-1))
    return np.asarray(np.add.reduceat(counts, first, axis=-2))
