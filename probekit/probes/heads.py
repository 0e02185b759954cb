"""Heads: linear and MLP probes of all layers, seeds and tasks as stacked parameters.

The first map of every task, slot and seed is a run of columns of one matrix `(layers, dim, columns)`, so that one
batched product over the words of a batch serves them all.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any, Literal

import torch

from probekit.probes.batches import Batch
from probekit.probes.pooling import Slot, slots, take
from probekit.tasks.task import Task

ProbeKind = Literal["linear", "mlp"]
HIDDEN = 64
ALIGNED = 16  # matrix products run faster, here by a fifth and more, with a multiple of so many columns


@dataclass(frozen=True)
class Scaling:
    """In which coordinates each layer's probes are trained.

    Attributes:
        mean, deviation: of training words, `(layers, 1, dim)` each.
        bases: for each task the coordinates of its probes, one a column, `(layers, dim, dim)`: words less their mean,
            times this matrix, are white, or standardised for tasks with products (see `scaling.measure`). None where
            words are in their coordinates already.
        sizes: root mean square of a number in each task's vectors, `(tasks, layers)`.
        product_sizes: the same of its products a * b, `(tasks, layers)`; 1 for tasks without.
    """

    mean: torch.Tensor
    deviation: torch.Tensor
    bases: tuple[torch.Tensor | None, ...]
    sizes: torch.Tensor
    product_sizes: torch.Tensor

    def of_whitened(self) -> Scaling:
        """The same for words in the coordinates of their probes (see `Whitened`)."""
        return replace(self, mean=torch.zeros_like(self.mean), bases=(None,) * len(self.bases))


class Heads(torch.nn.Module):
    """Probes of several tasks, for every layer and seed.

    Args:
        kind: `linear` is multinomial logistic regression; `mlp` has one hidden layer of HIDDEN rectified units.
        tasks: the tasks.
        n_classes: labels of each.
        scaling: what the inputs are standardised with.
        seeds: one probe a layer for each; a seed sets the initial weights.
    """

    def __init__(
        self,
        kind: ProbeKind,
        tasks: Sequence[Task],
        n_classes: Sequence[int],
        scaling: Scaling,
        seeds: Sequence[int],
    ) -> None:
        super().__init__()
        self.kind, self.tasks, self.n_classes, self.seeds = kind, list(tasks), list(n_classes), list(seeds)
        self.scaling = scaling
        self.n_layers, _, self.dim = scaling.mean.shape
        self.widths = [HIDDEN if kind == "mlp" else n for n in n_classes]
        self.columns = self._columns()
        self.task_widths = [of_task[-1].stop - of_task[0].start for of_task in self.columns]
        device = scaling.mean.device
        blocks = [
            _initial((self.dim, width), fan_in=self.dim * len(slots(task)), seed=(seed, task.name, i))
            for task, width in zip(self.tasks, self.widths, strict=True)
            for i, _ in enumerate(slots(task))
            for seed in self.seeds
        ]
        unused = -sum(block.shape[1] for block in blocks) % ALIGNED
        first = torch.cat([*blocks, torch.zeros(self.dim, unused)], dim=1)
        self.first = torch.nn.Parameter(first.repeat(self.n_layers, 1, 1).to(device))
        self.bias = torch.nn.ParameterList(
            torch.zeros(self.n_layers, 1, len(self.seeds), width, device=device) for width in self.widths
        )
        self.product = torch.nn.ParameterDict(
            {
                str(t): torch.zeros(self.n_layers, self.dim, len(self.seeds) * width, device=device)
                for t, (task, width) in enumerate(zip(self.tasks, self.widths, strict=True))
                if task.features == "product"
            }
        )
        self.second = torch.nn.ParameterList()
        self.second_bias = torch.nn.ParameterList()
        for task, n in zip(self.tasks, self.n_classes, strict=True) if kind == "mlp" else ():
            weights = [_initial((HIDDEN, n), fan_in=HIDDEN, seed=(seed, task.name, "second")) for seed in self.seeds]
            self.second.append(torch.stack(weights).repeat(self.n_layers, 1, 1, 1).to(device))
            self.second_bias.append(torch.zeros(self.n_layers, 1, len(self.seeds), n, device=device))

    def _columns(self) -> list[list[slice]]:
        """For each task and slot, its columns of the first map, seed after seed."""
        columns: list[list[slice]] = []
        start = 0
        for task, width in zip(self.tasks, self.widths, strict=True):
            columns.append([])
            for _ in slots(task):
                stop = start + width * len(self.seeds)
                columns[-1].append(slice(start, stop))
                start = stop
        return columns

    def forward(self, batch: Batch) -> list[torch.Tensor]:
        """Logits of each task: `(layers, n, seeds, classes)`."""
        # What is the same for every word is added after pooling.
        scaled = self._of_words()
        widths = [columns.stop - columns.start for of_task in self.columns for columns in of_task]
        widths.append(scaled.shape[2] - sum(widths))
        # Split once: a slice for each part would have its own gradient as large as the whole.
        projected = iter(torch.bmm(batch.states, scaled).split(widths, dim=2))
        offsets = iter((self.scaling.mean @ scaled).split(widths, dim=2))
        return [
            self._logits(t, batch, list(islice(projected, len(of_task))), list(islice(offsets, len(of_task))))
            for t, of_task in enumerate(self.columns)
        ]

    def _of_words(self) -> torch.Tensor:
        """The first map as words less their mean have it: (x - m) T @ W = x @ (T W) - m @ (T W)."""
        # Adam moves every weight by about the learning rate: with vectors of one size a step is as large for every
        # task.
        parts = self.first.split([*self.task_widths, self.first.shape[2] - sum(self.task_widths)], dim=2)
        mapped = []
        for basis, part, size in zip(self.scaling.bases, parts, self.scaling.sizes, strict=False):
            product = part if basis is None else torch.bmm(basis, part)
            mapped.append(product / size[:, None, None])
        return torch.cat([*mapped, parts[-1]], dim=2)

    @torch.no_grad()
    def finish(self, scaling: Scaling) -> None:
        """Take the coordinates of `scaling` into the weights, which read words as they are from now on.

        The axes of wide models are large: a finished probe does without them.
        """
        self.scaling = scaling
        self.first.copy_(self._of_words())
        ones = torch.ones_like(scaling.sizes)
        self.scaling = replace(scaling, bases=(None,) * len(scaling.bases), sizes=ones)

    def _logits(self, t: int, batch: Batch, projected: list[torch.Tensor], offsets: list[torch.Tensor]) -> torch.Tensor:
        task, spans = self.tasks[t], batch.spans[t]
        parts = [take(values, spans, slot) for values, slot in zip(projected, slots(task), strict=True)]
        if task.features == "product":
            size = self.scaling.product_sizes[t][:, None, None]
            parts.append(self._product(batch, spans, slots(task)) @ (self.product[str(t)] / size))
        per_seed = (len(self.seeds), self.widths[t])
        bias = self.bias[t] - sum(offsets[1:], offsets[0]).unflatten(2, per_seed)
        hidden = sum(parts[1:], parts[0]).unflatten(2, per_seed) + bias
        if self.kind == "linear":
            return hidden
        return torch.einsum("lnsh,lshc->lnsc", hidden.relu(), self.second[t]) + self.second_bias[t]

    def _product(self, batch: Batch, spans: torch.Tensor, parts: Sequence[Slot]) -> torch.Tensor:
        """a * b of every pair, from standardised vectors: `(layers, n, dim)`."""
        return products((batch.states - self.scaling.mean) / self.scaling.deviation, spans, parts)

    def uniform(self) -> torch.Tensor:
        """The columns of the first map that are trained in white coordinates: `(columns,)`, true or false.

        There no coordinate is special, so that an optimiser must treat all alike.
        """
        flags = torch.ones(self.first.shape[2], dtype=torch.bool, device=self.first.device)
        for task, columns in zip(self.tasks, self.columns, strict=True):
            flags[columns[0].start : columns[-1].stop] = task.features != "product"
        return flags

    def penalise(self, weights: Sequence[float]) -> None:
        """Add to each weight's gradient `weights[t]` times the weight, t being its task: half its square as a penalty.

        Biases are free.
        """
        for t, (weight, columns) in enumerate(zip(weights, self.columns, strict=True)):
            of_task = slice(columns[0].start, columns[-1].stop)
            penalised: list[tuple[torch.nn.Parameter, Any]] = [(self.first, (..., of_task))]
            if str(t) in self.product:
                penalised.append((self.product[str(t)], (...,)))
            if self.kind == "mlp":
                penalised.append((self.second[t], (...,)))
            for parameter, place in penalised:
                if parameter.grad is not None:
                    parameter.grad[place].add_(parameter.data[place], alpha=weight)

    def cell(self, t: int, layer: int, seed: int) -> list[torch.Tensor]:
        """Views of the parameters of one probe: task, layer and seed, each by its number."""
        width = self.widths[t]
        of_seed = slice(seed * width, (seed + 1) * width)
        views = [self.first.data[layer, :, columns][:, of_seed] for columns in self.columns[t]]
        views.append(self.bias[t].data[layer, :, seed])
        if str(t) in self.product:
            views.append(self.product[str(t)].data[layer, :, of_seed])
        if self.kind == "mlp":
            views += [self.second[t].data[layer, seed], self.second_bias[t].data[layer, :, seed]]
        return views


def products(standard: torch.Tensor, spans: torch.Tensor, parts: Sequence[Slot]) -> torch.Tensor:
    """a * b of every pair, `(layers, n, dim)`, from standardised words `(layers, words, dim)`."""
    half = len(parts) // 2
    a = torch.stack([take(standard, spans, slot) for slot in parts[:half]]).mean(0)
    b = torch.stack([take(standard, spans, slot) for slot in parts[half:]]).mean(0)
    return a * b


def _initial(shape: tuple[int, int], *, fan_in: int, seed: tuple[int | str, ...]) -> torch.Tensor:
    """Uniform in ±1/sqrt(fan_in), drawn from the seed alone, so that a probe does not depend on its company."""
    generator = torch.Generator().manual_seed(_number(seed))
    return (torch.rand(shape, generator=generator) * 2 - 1) / math.sqrt(fan_in)


def _number(seed: tuple[int | str, ...]) -> int:
    return int.from_bytes(hashlib.sha256(repr(seed).encode()).digest()[:7], "big")
