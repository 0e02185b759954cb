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
from probekit.probes.structural.alike import alike
from probekit.probes.structural.fitted_trees import (
    Counts,
    FittedTrees,
    WordMaps,
    measure,
    of_sentences,
)
from probekit.probes.structural.padded import padded
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
        self.rank, self.alike = rank, list(alike(questions, rank))
        self.train, self.dev = self._runs("train"), self._runs("dev")
        mixed = mixture(single_layers(layers), self.train, layers, self.device)
        self.mean, self.basis = scaling.white_words(self.train, layers, mixed, self.device)
        self.first = self._initial(states.dim)
        self.bias = torch.nn.Parameter(self.first.new_zeros(len(layers), 1, self.first.shape[2]))
        self.schedule = Schedule.of(self.train.n_words, settings, BATCHES, SMALLEST_BATCH)

    def _runs(self, split: Split) -> Runs:
        sentences = [of_alike.trees[split].sentences for of_alike in self.alike]
        return Runs(self.states, split, sentences)

    def _initial(self, dim: int) -> torch.nn.Parameter:
        """Weights `(layers, dim, columns)` of unit size, the same in every layer."""
        self.columns: list[slice] = []  # of the questions that are alike
        self.columns_of_probe: dict[tuple[int, int], slice] = {}  # by question and seed
        blocks: list[Tensor] = []
        sizes: list[Tensor] = []
        start = stop = 0
        for of_alike in self.alike:
            head = of_alike.head
            for number in of_alike.numbers:
                name = self.questions[number].task.name
                for place, seed in enumerate(self.seeds):
                    blocks.append(_drawn((dim, head.width), f"{seed} {name}"))
                    self.columns_of_probe[number, place] = slice(stop, stop + head.width)
                    stop += head.width
            sizes.append(torch.full((stop - start,), head.size(dim)))
            self.columns.append(slice(start, stop))
            start = stop
        self.sizes = torch.cat(sizes).to(self.device)
        first = torch.cat(blocks, dim=1).repeat(len(self.layers), 1, 1)
        return torch.nn.Parameter(first.to(self.device))

    def _maps(self) -> tuple[Tensor, Tensor]:
        """What words are multiplied by, `(layers, dim, columns)`, and what is added then."""
        weights = self.basis @ (self.first * self.sizes)
        return weights, self.bias - self.mean @ weights

    def _mapped(self, batch: Batch) -> list[Tensor]:
        """Mapped words of the questions that are alike: `(layers, words, probes, width)`."""
        weights, bias = self._maps()
        widths = [columns.stop - columns.start for columns in self.columns]
        # Split once: a slice for each would have a gradient as large as the whole.
        every = torch.baddbmm(bias, batch.states, weights).split(widths, dim=2)
        found = []
        for mapped, of_alike in zip(every, self.alike, strict=True):
            shape = (len(of_alike.numbers) * len(self.seeds), of_alike.head.width)
            found.append(mapped.unflatten(2, shape))
        return found

    @torch.no_grad()
    def _trained(self) -> list[WordMaps]:
        """The maps of words of the questions that are alike."""
        weights, bias = self._maps()
        found = []
        for columns, of_alike in zip(self.columns, self.alike, strict=True):
            probes = len(of_alike.numbers) * len(self.seeds)
            found.append(WordMaps(weights[..., columns], bias[..., columns], probes))
        return found

    def _losses(self, batch: Batch, split: Split) -> list[Tensor]:
        """The losses of the batch's sentences, of questions that are alike: `(layers, questions,
        seeds, sentences)`.

        A sentence of a resample counts by its weight.
        """
        found = []
        for a, mapped in enumerate(self._mapped(batch)):
            of_alike = self.alike[a]
            trees, head = of_alike.trees[split], of_alike.head
            shape = (len(self.layers), len(of_alike.numbers), len(self.seeds))
            losses = [mapped.new_empty(*shape, 0)]
            groups = list(padded(trees, batch.labels[a], batch.spans[a]))
            for group, words in zip(groups, of_sentences(mapped, groups), strict=True):
                gold = torch.from_numpy(head.gold(trees, group)).to(self.device)
                each = head.loss(words, gold, group).unflatten(0, shape)
                if split == "train" and of_alike.weights is not None:
                    weights = torch.from_numpy(of_alike.weights[:, group.numbers])
                    each = each * weights.to(self.device)[:, None]
                losses.append(each)
            found.append(torch.cat(losses, dim=3))
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
                columns = self.columns_of_probe[t, seed]
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
        every = self._trained()
        dev, test = self._measured(every, "dev"), self._measured(every, "test")
        found = []
        for a, of_alike in enumerate(self.alike):
            for place, t in enumerate(of_alike.numbers):
                seeds = slice(place * len(self.seeds), (place + 1) * len(self.seeds))
                fitted = FittedTrees(
                    self.questions[t],
                    self.kind,
                    self.rank,
                    self.layers,
                    self.seeds,
                    test={name: counts[:, seeds] for name, counts in test[a].items()},
                    dev={name: counts[:, seeds] for name, counts in dev[a].items()},
                    dev_loss=dev_loss[t],
                    epochs=best_round[t] * self.schedule.epochs,
                    maps=((self.layers, every[a].of_seeds(seeds)),),
                )
                found.append(fitted)
        return found

    def _measured(self, maps: Sequence[WordMaps], split: Split) -> list[Counts]:
        heads = [of_alike.head for of_alike in self.alike]
        trees = [of_alike.trees[split] for of_alike in self.alike]
        return measure(maps, heads, trees, self._runs(split), self.layers)

    def _round(self, number: int, progress: Callable[[float], None]) -> None:
        """Train until the learning rate is zero."""
        optimiser = Adam((self.first, self.bias), (self.first, None))
        steps = self.schedule.steps(number, self.train, self.layers, self.device, progress)
        for batch, learning_rate in steps:
            # Each probe has its own mean loss, and its own parameters.
            of_tasks = self._losses(batch, "train")
            losses = [each.mean(3).sum() for each in of_tasks if each.shape[3]]
            if losses:
                torch.stack(losses).sum().backward()
                optimiser.step(learning_rate)

    @torch.no_grad()
    def _dev_loss(self) -> np.ndarray:
        """The mean loss of dev sentences, `(tasks, layers, seeds)`."""
        total = np.zeros((len(self.questions), len(self.layers), len(self.seeds)))
        for batch in self.dev.batches(self.schedule.batch_words, self.layers, self.device):
            for of_alike, each in zip(self.alike, self._losses(batch, "dev"), strict=True):
                total[of_alike.numbers] += each.sum(3).transpose(0, 1).cpu().numpy()
        n = np.array([len(question.splits["dev"]) for question in self.questions])
        return total / n[:, None, None]


def _drawn(shape: tuple[int, int], name: str) -> Tensor:
    """Uniform numbers of unit size that follow from the name."""
    digest = hashlib.sha256(name.encode()).digest()
    generator = torch.Generator().manual_seed(int.from_bytes(digest[:7], "big"))
    return (2 * torch.rand(shape, generator=generator) - 1) * math.sqrt(3)
