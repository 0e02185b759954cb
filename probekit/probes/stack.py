"""Stack: the probes of several tasks, views and seeds as one set of parameters.

The first map of every task, slot and seed is a run of columns of one matrix `(views, dim,
columns)`, so that one batched product over the words of a batch serves them all.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from itertools import chain, islice
from typing import Any

import torch
from torch import Tensor

from probekit.probes.batches import Batch
from probekit.probes.heads import Head
from probekit.probes.mixture import Mixture
from probekit.probes.pooling import products, slots, take
from probekit.probes.scaling import Scaling
from probekit.tasks.task import Task

ALIGNED = 16  # matrix products run faster, by a fifth and more, with a multiple of these columns


class Stack(torch.nn.Module):
    """Probes of one head for several tasks, for every view and seed.

    Args:
        head: the kind of probe.
        tasks: the tasks.
        n_classes: labels of each.
        mixture: what makes views of the layers that are read.
        scaling: the coordinates that the probes are trained in.
        seeds: one probe per view for each; a seed sets the initial weights.
    """

    task_of_column: Tensor

    def __init__(
        self,
        head: Head,
        tasks: Sequence[Task],
        n_classes: Sequence[int],
        mixture: Mixture,
        scaling: Scaling,
        seeds: Sequence[int],
    ) -> None:
        super().__init__()
        self.head, self.tasks, self.seeds = head, list(tasks), list(seeds)
        self.mixture, self.scaling = mixture, scaling
        self.n_views, _, self.dim = scaling.mean.shape
        self.widths = [head.width(n) for n in n_classes]
        self.columns = self._columns()
        self.first = self._first_map()
        self.register_buffer("task_of_column", self._task_of_column(), persistent=False)
        self.bias = torch.nn.ParameterList()
        self.product = torch.nn.ParameterDict()
        self.further = torch.nn.ModuleList()
        for t, (task, n) in enumerate(zip(self.tasks, n_classes, strict=True)):
            self.bias.append(self._zeros(1, len(seeds), self.widths[t]))
            if task.features == "product":
                self.product[str(t)] = self._zeros(self.dim, len(seeds) * self.widths[t])
            self.further.append(self._further(task, n))

    def _zeros(self, *shape: int) -> Tensor:
        return torch.zeros(self.n_views, *shape, device=self.scaling.mean.device)

    def _columns(self) -> list[list[slice]]:
        """For each task, the columns of each block of the first map, seed after seed."""
        columns: list[list[slice]] = []
        start = 0
        for task, width in zip(self.tasks, self.widths, strict=True):
            columns.append([])
            for _, width_of_block in _blocks(task, width):
                stop = start + width_of_block * len(self.seeds)
                columns[-1].append(slice(start, stop))
                start = stop
        return columns

    def _task_of_column(self) -> Tensor:
        """The number of each column's task; of the last one for those that are unused."""
        tasks = torch.full((self.first.shape[2],), len(self.tasks) - 1)
        for t, of_task in enumerate(self.columns):
            tasks[of_task[0].start : of_task[-1].stop] = t
        return tasks.to(self.first.device)

    def _first_map(self) -> torch.nn.Parameter:
        """`(views, dim, columns)`, the same in every view, some columns at its end unused."""
        blocks: list[Tensor] = []
        for task, width in zip(self.tasks, self.widths, strict=True):
            fan_in = self.dim * len(slots(task))
            for name, width_of_block in _blocks(task, width):
                shape = (self.dim, width_of_block)
                for seed in self.seeds:
                    blocks.append(_uniform(shape, fan_in, (seed, task.name, name)))
        unused = -sum(block.shape[1] for block in blocks) % ALIGNED
        first = torch.cat([*blocks, torch.zeros(self.dim, unused)], dim=1)
        return torch.nn.Parameter(first.repeat(self.n_views, 1, 1).to(self.scaling.mean.device))

    def _further(self, task: Task, outputs: int) -> torch.nn.ParameterDict:
        """The head's own parameters of a task, `(views, seeds, …)` each."""
        of_seeds = [
            self.head.initial(outputs, partial(_drawn, seed, task.name)) for seed in self.seeds
        ]
        found = torch.nn.ParameterDict()
        for name in of_seeds[0]:
            stacked = torch.stack([initial[name] for initial in of_seeds])
            each = stacked.expand(self.n_views, *stacked.shape)
            found[name] = each.clone().to(self.scaling.mean.device)
        return found

    def forward(self, batch: Batch, noise: Sequence[torch.Generator] | None = None) -> list[Tensor]:
        """The output of each task's probes: `(views, n, seeds, outputs)`.

        In training, `noise` is what each task's dropout is drawn from.
        """
        words = self.mixture.words(batch.states)
        centres = [self.scaling.mean + centre for centre in self.mixture.centres()]
        projected, offsets = self._projected(words, centres)
        outputs = []
        for t, of_task in enumerate(self.columns):
            n, spans = len(of_task), batch.spans[t]
            parts = self._taken(t, spans, list(islice(projected, n)))
            if self.tasks[t].features == "product":
                read = t if len(words) > 1 else 0
                parts.append(self._products(t, words[read] - centres[read], spans))
            pooled = self._pooled(t, parts, list(islice(offsets, n)))
            further = self._further_of(t)
            if noise is None:
                outputs.append(self.head(pooled, further))
            else:
                outputs.append(self.head.in_training(pooled, further, noise[t]))
        return outputs

    def _projected(
        self, words: Sequence[Tensor], centres: Sequence[Tensor]
    ) -> tuple[Iterator[Tensor], Iterator[Tensor]]:
        """Words times each block of the first map, and their centres times it.

        What is the same for every word is added after pooling.

        Args:
            words: of all tasks, or of each.
            centres: of these.
        """
        mapped = self._of_words()
        widths: list[list[int]] = []
        for of_task in self.columns:
            widths.append([columns.stop - columns.start for columns in of_task])
        unused = mapped.shape[2] - sum(map(sum, widths))
        if len(words) == 1:
            widths = [[*chain.from_iterable(widths), unused]]
            unused = 0
        projected: list[Tensor] = []
        offsets: list[Tensor] = []
        of_words = mapped.split([*map(sum, widths), unused], dim=2)
        for read, centre, part, blocks in zip(words, centres, of_words, widths, strict=False):
            padding = -part.shape[2] % ALIGNED
            padded = torch.nn.functional.pad(part, (0, padding))
            # Split once: a slice for each block would have a gradient as large as the whole.
            projected += torch.bmm(read, padded).split([*blocks, padding], dim=2)[: len(blocks)]
            offsets += (centre @ part).split(blocks, dim=2)
        return iter(projected), iter(offsets)

    def _of_words(self) -> Tensor:
        """The first map for words as they are: (x - m) T @ W = x @ (T W) - m @ (T W)."""
        mapped = []
        for basis, part in self._by_basis():
            mapped.append(part if basis is None else torch.bmm(basis, part))
        # Adam moves every weight by about the learning rate: with vectors of one size, a step is
        # equally large for every task.
        sizes = self.scaling.sizes.index_select(0, self.task_of_column)
        return torch.cat(mapped, dim=2) / sizes.T.unsqueeze(1)

    def _by_basis(self) -> Iterator[tuple[Tensor | None, Tensor]]:
        """The columns of neighbouring tasks with the same basis, which are one matrix product."""
        bases: list[Tensor | None] = []
        n_columns: list[int] = []
        for basis, of_task in zip(self.scaling.bases, self.columns, strict=True):
            if not bases or bases[-1] is not basis:
                bases.append(basis)
                n_columns.append(0)
            n_columns[-1] += of_task[-1].stop - of_task[0].start
        n_columns[-1] += self.first.shape[2] - sum(n_columns)  # the unused
        return zip(bases, self.first.split(n_columns, dim=2), strict=True)

    @torch.no_grad()
    def finish(self, scaling: Scaling) -> None:
        """Multiply the axes of `scaling` into the weights, which then read words as they are.

        The axes of wide models are large, and a finished probe does not need them.
        """
        self.scaling = scaling
        self.first.copy_(self._of_words())
        ones = torch.ones_like(scaling.sizes)
        self.scaling = replace(scaling, bases=(None,) * len(scaling.bases), sizes=ones)

    def leave_device(self) -> None:
        """Move to the CPU. Finished probes are small, and what reads them need not know of GPUs."""
        cpu = torch.device("cpu")
        self.to(cpu)
        self.scaling = self.scaling.to(cpu)

    def _taken(self, t: int, spans: Tensor, projected: list[Tensor]) -> list[Tensor]:
        """The projected slots of a task's instances, `(views, n, columns)` each."""
        parts = slots(self.tasks[t])
        n = len(parts)
        scores: Sequence[Tensor | None] = projected[n:] or [None] * n
        found = []
        for values, slot, of_slot in zip(projected[:n], parts, scores, strict=True):
            found.append(take(values, spans, slot, of_slot))
        return found

    def _pooled(self, t: int, parts: list[Tensor], offsets: list[Tensor]) -> Tensor:
        """The projected instances of a task, `(views, n, seeds, width)`."""
        n = len(slots(self.tasks[t]))
        per_seed = (len(self.seeds), self.widths[t])
        bias = self.bias[t] - sum(offsets[1:n], offsets[0]).unflatten(2, per_seed)
        return sum(parts[1:], parts[0]).unflatten(2, per_seed) + bias

    def _further_of(self, t: int) -> Mapping[str, Tensor]:
        found: Any = self.further[t]
        return found

    def _products(self, t: int, centred: Tensor, spans: Tensor) -> Tensor:
        """The projected a * b of every pair, from standardised words: `(views, n, columns)`."""
        standard = centred / self.scaling.deviation
        size = self.scaling.product_sizes[t][:, None, None]
        return products(standard, spans, slots(self.tasks[t])) @ (self.product[str(t)] / size)

    def uniform(self) -> Tensor | None:
        """Which columns of the first map are trained in white coordinates: `(columns,)`, or None
        for all.

        No coordinate is special there, so that an optimiser must treat all alike.
        """
        if all(task.features != "product" for task in self.tasks):
            return None
        flags = torch.ones(self.first.shape[2], dtype=torch.bool, device=self.first.device)
        for task, columns in zip(self.tasks, self.columns, strict=True):
            flags[columns[0].start : columns[-1].stop] = task.features != "product"
        return flags

    def penalise(self, weights: Sequence[float]) -> None:
        """Add the gradient of the penalty, half the squared weights times `weights[t]` of task t.

        Biases have no penalty.
        """
        for t, (weight, columns) in enumerate(zip(weights, self.columns, strict=True)):
            of_task = slice(columns[0].start, columns[-1].stop)
            penalised: list[tuple[Tensor, Any]] = [(self.first, (..., of_task))]
            if str(t) in self.product:
                penalised.append((self.product[str(t)], (...,)))
            for name, parameter in self._further_of(t).items():
                if "bias" not in name:
                    penalised.append((parameter, (...,)))
            for parameter, place in penalised:
                if parameter.grad is not None:
                    parameter.grad[place].add_(parameter.data[place], alpha=weight)

    def cell(self, t: int, view: int, seed: int) -> list[Tensor]:
        """The parameters of one probe, in place: task, view and seed, each by its number.

        Of a mix of layers these include its weights: a stack of mixes has one seed.
        """
        found = []
        for columns in self.columns[t]:
            width = (columns.stop - columns.start) // len(self.seeds)
            start = columns.start + seed * width
            found.append(self.first.data[view, :, start : start + width])
        found.append(self.bias[t].data[view, :, seed])
        if str(t) in self.product:
            of_seed = slice(seed * self.widths[t], (seed + 1) * self.widths[t])
            found.append(self.product[str(t)].data[view, :, of_seed])
        found += [parameter.data[view, seed] for parameter in self._further_of(t).values()]
        return found + self.mixture.parameters_of(t, view)


def _blocks(task: Task, width: int) -> list[tuple[int | str, int]]:
    """The blocks of a task's columns: a name, for the seed of its initial weights, and a width.

    A block for each slot, and after these one for the scores of each slot that has attention.
    """
    blocks: list[tuple[int | str, int]] = [(i, width) for i in range(len(slots(task)))]
    for i, slot in enumerate(slots(task)):
        if slot.take == "attention":
            blocks.append((f"score {i}", 1))
    return blocks


def _drawn(seed: int, task: str, name: str, shape: tuple[int, int]) -> Tensor:
    return _uniform(shape, shape[0], (seed, task, name))


def _uniform(shape: tuple[int, int], fan_in: int, seed: tuple[int | str, ...]) -> Tensor:
    """Uniform in ±1/sqrt(fan_in), drawn from the seed alone.

    So a probe does not depend on what is fitted with it.
    """
    return (torch.rand(shape, generator=generator(seed)) * 2 - 1) / math.sqrt(fan_in)


def generator(seed: tuple[int | str, ...]) -> torch.Generator:
    """A generator whose numbers follow from the seed."""
    number = int.from_bytes(hashlib.sha256(repr(seed).encode()).digest()[:7], "big")
    return torch.Generator().manual_seed(number)
