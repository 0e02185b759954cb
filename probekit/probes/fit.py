"""Fitting: probes of all layers, seeds and tasks at once, one pass over the states an epoch."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from concurrent.futures import wait
from dataclasses import dataclass, replace
from functools import partial
from operator import setitem

import numpy as np
import torch
from torch.nn.functional import cross_entropy

from probekit.probes.adam import Adam
from probekit.probes.batches import Runs
from probekit.probes.heads import Heads, ProbeKind, Scaling
from probekit.progress import Progress, silent
from probekit.states.extract import States
from probekit.tasks.instances import UNSEEN, TaskData
from probekit.workers import count, workers

SCALING_WORDS = 16_384
SMALLEST_BATCH = 256  # words
GROUP_BYTES = 1 << 28  # layers are fitted together as far as a batch of their states, and their axes, stay below this


@dataclass(frozen=True)
class FitSettings:
    """How probes are trained.

    Attributes:
        probe: `linear` or `mlp`.
        seeds: one probe a layer for each.
        epochs: passes over the training split at least.
        words: words read in training at least; small corpora are read more often.
        patience: epochs without a better dev loss after which a probe is final.
        batch_words: words a batch at most; small corpora take smaller batches.
        learning_rate: at the beginning, for batches of `batch_words`; smaller ones take less, by the square root
            (Malladi et al. 2022, arXiv:2205.10287, for Adam). It falls linearly to zero.
        device: where the probes are fitted.
    """

    probe: ProbeKind = "linear"
    seeds: tuple[int, ...] = (0,)
    epochs: int = 2
    words: int = 150_000
    patience: int = 5
    batch_words: int = 1_536
    learning_rate: float = 1.2e-2
    device: str = "cpu"


@dataclass(frozen=True)
class Fitted:
    """Trained probes of one task.

    Attributes:
        data: the task and its instances.
        kind: `linear` or `mlp`.
        layers: the layers probed.
        seeds: the seeds.
        predictions: `(layers, seeds, n_test)` labels given to the test instances, as indices of the classes.
        dev_predictions: `(layers, seeds, n_dev)` labels given to the dev instances.
        dev_loss: `(layers, seeds)` mean cross-entropy on dev in nats, at the epoch kept; lower is better.
        epochs: `(layers, seeds)` the epoch kept, counted from 1.
    """

    data: TaskData
    kind: ProbeKind
    layers: tuple[int, ...]
    seeds: tuple[int, ...]
    predictions: np.ndarray
    dev_predictions: np.ndarray
    dev_loss: np.ndarray
    epochs: np.ndarray


def fit(
    states: States, tasks: Sequence[TaskData], settings: FitSettings, *, progress: Progress = silent
) -> list[Fitted]:
    """Train probes of every task, layer and seed on the training split, keep the epoch with the lowest dev loss,
    and label the test split.

    A probe's result depends on its own task, layer and seed, not on what else is fitted along with it, apart
    from the rounding of larger matrix products. `states` must have been read in the context the tasks ask for.
    """
    groups = _layer_groups(states, settings)
    done = [0.0] * len(groups)  # shares of the work
    with workers(torch.device(settings.device)) as pool:
        parts = [
            pool.submit(_fit_layers, states, tasks, settings, layers, partial(setitem, done, i))
            for i, layers in enumerate(groups)
        ]
        while wait(parts, timeout=0.1).not_done:
            progress("fit", sum(done), len(groups))
        fitted = [part.result() for part in parts]
    progress("fit", len(groups), len(groups))
    return [_joined([part[t] for part in fitted]) for t in range(len(tasks))]


def _layer_groups(states: States, settings: FitSettings) -> list[tuple[int, ...]]:
    """Runs of layers that are fitted together: as many as there are workers, or more where batches would be large."""
    most = max(1, GROUP_BYTES // ((settings.batch_words + states.dim) * states.dim * 4))
    n = max(-(-len(states.layers) // most), min(count(torch.device(settings.device)), len(states.layers)))
    return [tuple(layers.tolist()) for layers in np.array_split(states.layers, n)]


def _fit_layers(
    states: States,
    tasks: Sequence[TaskData],
    settings: FitSettings,
    layers: tuple[int, ...],
    progress: Callable[[float], None],
) -> list[Fitted]:
    return _Fit(states, tasks, settings, layers).run(progress)


def _joined(parts: list[Fitted]) -> Fitted:
    """Fits of different layers as one."""
    return replace(
        parts[0],
        layers=tuple(layer for part in parts for layer in part.layers),
        predictions=np.concatenate([part.predictions for part in parts]),
        dev_predictions=np.concatenate([part.dev_predictions for part in parts]),
        dev_loss=np.concatenate([part.dev_loss for part in parts]),
        epochs=np.concatenate([part.epochs for part in parts]),
    )


class _Fit:
    """One stacked fit of some layers."""

    def __init__(
        self, states: States, tasks: Sequence[TaskData], settings: FitSettings, layers: tuple[int, ...]
    ) -> None:
        self.tasks, self.settings, self.layers = tasks, settings, layers
        self.device = torch.device(settings.device)
        self.train, self.dev, self.test = (
            Runs(states, split, [data.splits[split] for data in tasks]) for split in ("train", "dev", "test")
        )
        scaling = _scaling(self.train, layers, self.device)
        n_classes = [len(data.classes) for data in tasks]
        self.heads = Heads(settings.probe, [data.task for data in tasks], n_classes, scaling, settings.seeds)
        # Small corpora: some hundred updates all the same, from smaller batches and more epochs.
        self.batch_words = int(np.clip(self.train.n_words // 128, SMALLEST_BATCH, settings.batch_words))
        self.learning_rate = settings.learning_rate * math.sqrt(self.batch_words / settings.batch_words)
        self.n_epochs = max(settings.epochs, -(-settings.words // self.train.n_words))

    def run(self, progress: Callable[[float], None]) -> list[Fitted]:
        """Train, go back to the best epoch of every probe, and label the test split."""
        shape = (len(self.tasks), len(self.layers), len(self.settings.seeds))
        best_loss, best_epoch = np.full(shape, np.inf), np.zeros(shape, dtype=np.int64)
        best: dict[tuple[int, ...], list[torch.Tensor]] = {}
        dev = [np.empty((*shape[1:], len(instances)), dtype=np.int64) for instances in self.dev.instances]
        optimiser = Adam(self.heads.parameters())
        for epoch in range(1, self.n_epochs + 1):
            self._epoch(epoch, optimiser, progress)
            loss, predictions = self._judge(self.dev)
            open_ = epoch - best_epoch <= self.settings.patience
            for t, layer, seed in np.argwhere((loss < best_loss) & open_).tolist():
                best_loss[t, layer, seed], best_epoch[t, layer, seed] = loss[t, layer, seed], epoch
                best[t, layer, seed] = [view.clone() for view in self.heads.cell(t, layer, seed)]
                dev[t][layer, seed] = predictions[t][layer, seed]
            if (epoch - best_epoch >= self.settings.patience).all():
                break
        for t, layer, seed in np.ndindex(*shape):
            for view, kept in zip(self.heads.cell(t, layer, seed), best[t, layer, seed], strict=True):
                view.copy_(kept)
        progress(1)
        _, test = self._judge(self.test)
        return [
            Fitted(
                data=data,
                kind=self.settings.probe,
                layers=self.layers,
                seeds=self.settings.seeds,
                predictions=test[t],
                dev_predictions=dev[t],
                dev_loss=best_loss[t],
                epochs=best_epoch[t],
            )
            for t, data in enumerate(self.tasks)
        ]

    def _epoch(self, epoch: int, optimiser: Adam, progress: Callable[[float], None]) -> None:
        order = np.random.default_rng(epoch)  # the same for every model and seed: comparisons stay paired
        done = epoch - 1.0
        for batch in self.train.batches(self.batch_words, self.layers, self.device, order):
            losses = [
                # Summed over layers and seeds: each probe has its own mean loss, and its own parameters.
                _losses(logits, labels).sum()
                for logits, labels in zip(self.heads(batch), batch.labels, strict=True)
                if len(labels)
            ]
            if losses:
                torch.stack(losses).sum().backward()
                optimiser.step(self.learning_rate * (1 - done / self.n_epochs))
            done += batch.states.shape[1] / self.train.n_words
            progress(done / self.n_epochs)

    @torch.no_grad()
    def _judge(self, runs: Runs) -> tuple[np.ndarray, list[np.ndarray]]:
        """Mean loss `(tasks, layers, seeds)` over a split, and each task's predictions `(layers, seeds, n)`."""
        total = np.zeros((len(self.tasks), len(self.layers), len(self.settings.seeds)))
        found: list[list[np.ndarray]] = [[] for _ in self.tasks]
        for batch in runs.batches(self.batch_words, self.layers, self.device):
            for t, (logits, labels) in enumerate(zip(self.heads(batch), batch.labels, strict=True)):
                found[t].append(logits.argmax(-1).permute(0, 2, 1).cpu().numpy())
                seen = labels != UNSEEN
                if seen.any():
                    total[t] += (_losses(logits[:, seen], labels[seen]) * seen.sum()).cpu().numpy()
        known = [(instances.labels != UNSEEN).sum() for instances in runs.instances]
        return total / np.maximum(known, 1)[:, None, None], [np.concatenate(parts, axis=2) for parts in found]


def _losses(logits: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    """Mean cross-entropy of each probe: `(layers, seeds)` from `(layers, n, seeds, classes)` and `(n,)`."""
    layers, n, seeds, classes = logits.shape
    target = labels[None, :, None].expand(layers, n, seeds).reshape(-1)
    each = cross_entropy(logits.reshape(-1, classes), target, reduction="none")
    return each.view(layers, n, seeds).mean(1)


def _scaling(train: Runs, layers: Sequence[int], device: torch.device) -> Scaling:
    """Mean, deviation and principal axes of SCALING_WORDS training words spread over the split."""
    n = 0
    total = square = torch.zeros(1, dtype=torch.float64)  # on the CPU: not every GPU has float64
    for values in train.samples(SCALING_WORDS, layers, device):
        n += values.shape[1]
        total = total + values.sum(1, keepdim=True).cpu().double()
        square = square + torch.bmm(values.transpose(1, 2), values).cpu().double()
    mean = total / n
    covariance = square / n - mean.transpose(1, 2) * mean
    deviation = covariance.diagonal(dim1=1, dim2=2).clamp_min(0).sqrt().unsqueeze(1)
    # A dimension that never varies carries nothing: leave it as it is rather than divide by nothing.
    deviation = torch.where(deviation > 1e-6, deviation, torch.ones_like(deviation))
    _, axes = torch.linalg.eigh(covariance / (deviation.transpose(1, 2) * deviation))
    return Scaling(*(part.float().to(device) for part in (mean, deviation, axes)))
