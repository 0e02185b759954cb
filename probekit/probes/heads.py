"""Heads: linear and MLP probes of all layers, seeds and tasks as stacked parameters.

The first map of every task, slot and seed is a run of columns of one matrix `(layers, dim, columns)`, so that one
batched product over the words of a batch serves them all.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Literal

import torch

from probekit.probes.batches import Batch
from probekit.probes.pooling import Slot, slots, take
from probekit.tasks.task import Task

ProbeKind = Literal["linear", "mlp"]
HIDDEN = 64
ALIGNED = 16  # matrix products run faster, here by a fifth and more, with a multiple of so many columns


@dataclass(frozen=True)
class Scaling:
    """How each layer's words are standardised, and in which basis its probes are trained.

    Attributes:
        mean, deviation: of training words, `(layers, 1, dim)` each.
        axes: the principal axes of standardised words, `(layers, dim, dim)`, one a column.
        sizes: of each task's vectors of standardised words, `(tasks, layers)`: their root mean square length, in
            that of one word.
    """

    mean: torch.Tensor
    deviation: torch.Tensor
    axes: torch.Tensor
    sizes: torch.Tensor


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
        self.scale = 1 / scaling.deviation.transpose(1, 2).repeat(1, 1, first.shape[1])
        for of_task, size in zip(self.columns, scaling.sizes, strict=True):
            for columns in of_task:
                self.scale[:, :, columns] /= size[:, None, None]
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
        # Standardising is folded into the map, (x - m) / s @ W = x @ (W / s) - (m / s) @ W, and what is the same
        # for every word is added after pooling. W is learned in the words' principal axes: there they are
        # uncorrelated, which Adam, who scales each coordinate by itself, needs to get far in few steps. Adam also
        # moves every weight by about the learning rate: with vectors of one size a step is as large for every task.
        scaled = torch.bmm(self.scaling.axes, self.first) * self.scale
        widths = [columns.stop - columns.start for of_task in self.columns for columns in of_task]
        widths.append(scaled.shape[2] - sum(widths))
        # Split once: a slice for each part would have its own gradient as large as the whole.
        projected = iter(torch.bmm(batch.states, scaled).split(widths, dim=2))
        offsets = iter((self.scaling.mean @ scaled).split(widths, dim=2))
        return [
            self._logits(t, batch, list(islice(projected, len(of_task))), list(islice(offsets, len(of_task))))
            for t, of_task in enumerate(self.columns)
        ]

    def _logits(self, t: int, batch: Batch, projected: list[torch.Tensor], offsets: list[torch.Tensor]) -> torch.Tensor:
        task, spans = self.tasks[t], batch.spans[t]
        parts = [take(values, spans, slot) for values, slot in zip(projected, slots(task), strict=True)]
        if task.features == "product":
            size = self.scaling.sizes[t][:, None, None]
            parts.append(self._product(batch, spans, slots(task)) @ (self.product[str(t)] / size))
        per_seed = (len(self.seeds), self.widths[t])
        bias = self.bias[t] - sum(offsets[1:], offsets[0]).unflatten(2, per_seed)
        hidden = sum(parts[1:], parts[0]).unflatten(2, per_seed) + bias
        if self.kind == "linear":
            return hidden
        return torch.einsum("lnsh,lshc->lnsc", hidden.relu(), self.second[t]) + self.second_bias[t]

    def _product(self, batch: Batch, spans: torch.Tensor, parts: Sequence[Slot]) -> torch.Tensor:
        """a * b of every pair, from standardised vectors: `(layers, n, dim)`."""
        standard = (batch.states - self.scaling.mean) / self.scaling.deviation
        half = len(parts) // 2
        a, b = (
            torch.stack([take(standard, spans, slot) for slot in side]).mean(0) for side in (parts[:half], parts[half:])
        )
        return a * b

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


def _initial(shape: tuple[int, int], *, fan_in: int, seed: tuple[int | str, ...]) -> torch.Tensor:
    """Uniform in ±1/sqrt(fan_in), drawn from the seed alone, so that a probe does not depend on its company."""
    generator = torch.Generator().manual_seed(_number(seed))
    return (torch.rand(shape, generator=generator) * 2 - 1) / math.sqrt(fan_in)


def _number(seed: tuple[int | str, ...]) -> int:
    return int.from_bytes(hashlib.sha256(repr(seed).encode()).digest()[:7], "big")
