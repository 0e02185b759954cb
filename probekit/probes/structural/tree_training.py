"""Tree training: structural probes of several layers, seeds and tasks, in one pass per epoch."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Sequence

import numpy as np
import torch
from torch import Tensor

from probekit.corpora.passage import Split
from probekit.probes import scaling
from probekit.probes.adam import Adam
from probekit.probes.batches import Batch, Runs
from probekit.probes.fit_settings import FitSettings
from probekit.probes.mixture import mixture
from probekit.probes.schedule import PATIENCE, Schedule
from probekit.probes.structural.fitted_trees import (
    Counts,
    FittedTrees,
    WordMaps,
    measure,
    of_sentences,
)
from probekit.probes.structural.padded import padded
from probekit.probes.structural.tree_heads import TREE_HEADS
from probekit.probes.view import single_layers
from probekit.states.tensors import at_hand
from probekit.states.vectors import Vectors
from probekit.tasks.trees import TreeQuestion

# Words, and how many of a small corpus: small products of padded sentences are slow.
SMALLEST_BATCH, BATCHES = 512, 64


class TreeTraining:
    """The training of structural probes of some layers.

    Args:
        states: what is read.
        questions: the tasks and their trees.
        kind: of probe.
        rank: of the transforms.
        layers: the layers, one probe for each.
        seeds: one probe per layer for each.
        settings: how probes are trained.

    Raises ModelError for states that are not finite.
    """

    def __init__(
        self,
        states: Vectors,
        questions: Sequence[TreeQuestion],
        kind: str,
        rank: int,
        layers: tuple[int, ...],
        seeds: tuple[int, ...],
        settings: FitSettings,
    ) -> None:
        self.questions, self.layers, self.seeds = questions, layers, seeds
        self.kind, self.device = kind, settings.where()
        self.states = at_hand(states, layers, self.device)
        self.heads = [TREE_HEADS[question.task.shape](rank) for question in questions]
        self.train, self.dev = self._runs("train"), self._runs("dev")
        mixed = mixture(single_layers(layers), self.train, layers, self.device)
        self.mean, self.basis = scaling.white_words(self.train, layers, mixed, self.device)
        self.first = self._initial(states.dim)
        self.bias = torch.nn.Parameter(self.first.new_zeros(len(layers), 1, self.first.shape[2]))
        self.schedule = Schedule.of(self.train.n_words, settings, BATCHES, SMALLEST_BATCH)

    def _runs(self, split: Split) -> Runs:
        sentences = [question.splits[split].sentences for question in self.questions]
        return Runs(self.states, split, sentences)

    def _initial(self, dim: int) -> torch.nn.Parameter:
        """Weights `(layers, dim, columns)` of unit size, the same in every layer."""
        self.columns: list[slice] = []
        blocks: list[Tensor] = []
        sizes: list[Tensor] = []
        start = 0
        for question, head in zip(self.questions, self.heads, strict=True):
            for seed in self.seeds:
                blocks.append(_drawn((dim, head.width), f"{seed} {question.task.name}"))
            width = head.width * len(self.seeds)
            sizes.append(torch.full((width,), head.size(dim)))
            self.columns.append(slice(start, start + width))
            start += width
        self.sizes = torch.cat(sizes).to(self.device)
        first = torch.cat(blocks, dim=1).repeat(len(self.layers), 1, 1)
        return torch.nn.Parameter(first.to(self.device))

    def _maps(self) -> WordMaps:
        """The maps of words of all tasks."""
        weights = self.basis @ (self.first * self.sizes)
        return WordMaps(weights, self.bias - self.mean @ weights, 1)

    def _mapped(self, batch: Batch) -> list[Tensor]:
        """Mapped words of each task: `(layers, words, seeds, width)`."""
        every = self._maps()(batch.states)[:, :, 0]
        found = []
        for columns, head in zip(self.columns, self.heads, strict=True):
            found.append(every[..., columns].unflatten(2, (len(self.seeds), head.width)))
        return found

    @torch.no_grad()
    def _trained(self) -> list[WordMaps]:
        """The maps of words of each task."""
        every = self._maps()
        found = []
        for columns in self.columns:
            weights, bias = every.weights[..., columns].clone(), every.bias[..., columns].clone()
            found.append(WordMaps(weights, bias, len(self.seeds)))
        return found

    def _losses(self, batch: Batch, split: Split) -> list[Tensor]:
        """The loss of each task's sentences in the batch, `(cells, n)`; `(0, 0)` without any.

        A sentence of a resample counts by its weight.
        """
        found = []
        for t, mapped in enumerate(self._mapped(batch)):
            trees, losses = self.questions[t].splits[split], [mapped.new_empty(0, 0)]
            for group in padded(trees, batch.labels[t], batch.spans[t]):
                gold = torch.from_numpy(self.heads[t].gold(trees, group)).to(self.device)
                each = self.heads[t].loss(of_sentences(mapped, group.places), gold, group)
                weights = trees.sentences.weights
                if weights is not None:
                    each = each * torch.from_numpy(weights[group.numbers]).to(self.device)
                losses.append(each)
            found.append(torch.cat(losses[1:], dim=1) if losses[1:] else losses[0])
        return found

    def run(self, progress: Callable[[float], None]) -> list[FittedTrees]:
        """Train, restore the best round of every probe, and measure the test split."""
        shape = (len(self.questions), len(self.layers), len(self.seeds))
        best_loss, best_round = np.full(shape, np.inf), np.zeros(shape, dtype=np.int64)
        best = [self.first.detach().clone(), self.bias.detach().clone()]
        for number in range(1, self.schedule.rounds + 1):
            self._round(number, progress)
            loss = self._dev_loss()
            better = (loss < best_loss) & (number - best_round <= PATIENCE)
            for t, layer, seed in np.argwhere(better).tolist():
                columns = self._columns_of(t, seed)
                for kept, parameter in zip(best, (self.first, self.bias), strict=True):
                    kept[layer, :, columns] = parameter.data[layer, :, columns]
            best_loss = np.where(better, loss, best_loss)
            best_round[better] = number
            if (number - best_round >= PATIENCE).all():
                break
        self.first.data.copy_(best[0])
        self.bias.data.copy_(best[1])
        progress(1)
        return self._fitted(best_loss, best_round)

    def _fitted(self, dev_loss: np.ndarray, best_round: np.ndarray) -> list[FittedTrees]:
        """The results of each task, from dev losses and rounds `(tasks, layers, seeds)`."""
        maps = self._trained()
        dev, test = self._measured(maps, "dev"), self._measured(maps, "test")
        found = []
        for t, question in enumerate(self.questions):
            fitted = FittedTrees(
                question,
                self.kind,
                self.heads[t].rank,
                self.layers,
                self.seeds,
                test=test[t],
                dev=dev[t],
                dev_loss=dev_loss[t],
                epochs=best_round[t] * self.schedule.epochs,
                maps=((self.layers, maps[t]),),
            )
            found.append(fitted)
        return found

    def _measured(self, maps: Sequence[WordMaps], split: Split) -> list[Counts]:
        trees = [question.splits[split] for question in self.questions]
        words = self.schedule.batch_words
        return measure(maps, self.heads, trees, self._runs(split), self.layers, words)

    def _columns_of(self, t: int, seed: int) -> slice:
        start, width = self.columns[t].start, self.heads[t].width
        return slice(start + seed * width, start + (seed + 1) * width)

    def _round(self, number: int, progress: Callable[[float], None]) -> None:
        """Train until the learning rate is zero."""
        optimiser = Adam((self.first, self.bias), (self.first, None))
        steps = self.schedule.steps(number, self.train, self.layers, self.device, progress)
        for batch, learning_rate in steps:
            # Each probe has its own mean loss, and its own parameters.
            of_tasks = self._losses(batch, "train")
            losses = [each.mean(1).sum() for each in of_tasks if len(each)]
            if losses:
                torch.stack(losses).sum().backward()
                optimiser.step(learning_rate)

    @torch.no_grad()
    def _dev_loss(self) -> np.ndarray:
        """The mean loss of dev sentences, `(tasks, layers, seeds)`."""
        shape = (len(self.layers), len(self.seeds))
        total = np.zeros((len(self.questions), *shape))
        for batch in self.dev.batches(self.schedule.batch_words, self.layers, self.device):
            for t, each in enumerate(self._losses(batch, "dev")):
                if len(each):
                    total[t] += each.sum(1).view(shape).cpu().numpy()
        n = np.array([len(question.splits["dev"]) for question in self.questions])
        return total / n[:, None, None]


def _drawn(shape: tuple[int, int], name: str) -> Tensor:
    """Uniform numbers of unit size that follow from the name."""
    digest = hashlib.sha256(name.encode()).digest()
    generator = torch.Generator().manual_seed(int.from_bytes(digest[:7], "big"))
    return (2 * torch.rand(shape, generator=generator) - 1) * math.sqrt(3)
