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

from probekit.corpora.passage import Split
from probekit.probes.adam import Adam
from probekit.probes.batches import Runs, Vectors
from probekit.probes.heads import Heads, ProbeKind, Scaling
from probekit.probes.judge import judge, losses
from probekit.probes.pooling import slots, take
from probekit.progress import Progress, silent
from probekit.tasks.instances import TaskData
from probekit.workers import count, stop_if_unwanted, workers

SCALING_WORDS = 16_384
SIZING_WORDS = 4_096
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
    learning_rate: float = 2e-2
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
        heads: the probes of this and the tasks fitted along with it, by runs of layers.
    """

    data: TaskData
    kind: ProbeKind
    layers: tuple[int, ...]
    seeds: tuple[int, ...]
    predictions: np.ndarray
    dev_predictions: np.ndarray
    dev_loss: np.ndarray
    epochs: np.ndarray
    heads: tuple[tuple[tuple[int, ...], Heads], ...]


def fit(
    states: Vectors, tasks: Sequence[TaskData], settings: FitSettings, *, progress: Progress = silent
) -> list[Fitted]:
    """Train probes of every task on one checkpoint's states, see `fit_together`."""
    return fit_together([states], tasks, settings, progress=progress)[0]


def fit_together(
    checkpoints: Sequence[Vectors], tasks: Sequence[TaskData], settings: FitSettings, *, progress: Progress = silent
) -> list[list[Fitted]]:
    """Train probes of every checkpoint, task, layer and seed on the training split, keep the epoch with the lowest
    dev loss, and label the test split.

    A probe's result depends on its own states, task, layer and seed, not on what else is fitted along with it, apart
    from the rounding of larger matrix products. States must have been read in the context the tasks ask for.

    Returns, for each checkpoint, the trained probes of each task.
    """
    groups = [(i, layers) for i, states in enumerate(checkpoints) for layers in _layer_groups(states, settings)]
    done = [0.0] * len(groups)  # shares of the work
    with workers(torch.device(settings.device)) as pool:
        parts = [
            pool.submit(_fit_layers, checkpoints[i], tasks, settings, layers, partial(setitem, done, number))
            for number, (i, layers) in enumerate(groups)
        ]
        while wait(parts, timeout=0.1).not_done:
            progress("fit", sum(done), len(groups))
        fitted: list[list[list[Fitted]]] = [[] for _ in checkpoints]
        for (i, _), part in zip(groups, parts, strict=True):
            fitted[i].append(part.result())
    progress("fit", len(groups), len(groups))
    return [[_joined([group[t] for group in of_one]) for t in range(len(tasks))] for of_one in fitted]


def predict(fitted: Sequence[Fitted], states: Vectors, split: Split) -> list[np.ndarray]:
    """What trained probes say of other vectors of the same words: `(layers, seeds, n)` for each task.

    `fitted` are the probes of all tasks that were fitted together. The probe of layer k reads layer k of `states`.
    """
    runs = Runs(states, split, [one.data.splits[split] for one in fitted])
    with workers(fitted[0].heads[0][1].scaling.mean.device) as pool:
        parts = list(pool.map(lambda group: judge(group[1], runs, group[0])[1], fitted[0].heads))
    return [np.concatenate([part[t] for part in parts]) for t in range(len(fitted))]


def _layer_groups(states: Vectors, settings: FitSettings) -> list[tuple[int, ...]]:
    """Runs of layers that are fitted together: as many as there are workers, or more where batches would be large."""
    most = max(1, GROUP_BYTES // ((settings.batch_words + states.dim) * states.dim * 4))
    n = max(-(-len(states.layers) // most), min(count(torch.device(settings.device)), len(states.layers)))
    return [tuple(layers.tolist()) for layers in np.array_split(states.layers, n)]


def _fit_layers(
    states: Vectors,
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
        heads=tuple(group for part in parts for group in part.heads),
    )


class _Fit:
    """One stacked fit of some layers."""

    def __init__(
        self, states: Vectors, tasks: Sequence[TaskData], settings: FitSettings, layers: tuple[int, ...]
    ) -> None:
        self.tasks, self.settings, self.layers = tasks, settings, layers
        self.device = torch.device(settings.device)
        self.train, self.dev, self.test = (
            Runs(states, split, [data.splits[split] for data in tasks]) for split in ("train", "dev", "test")
        )
        scaling = _scaling(self.train, tasks, layers, self.device)
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
            loss, predictions = judge(self.heads, self.dev, self.layers)
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
        _, test = judge(self.heads, self.test, self.layers)
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
                heads=((self.layers, self.heads),),
            )
            for t, data in enumerate(self.tasks)
        ]

    def _epoch(self, epoch: int, optimiser: Adam, progress: Callable[[float], None]) -> None:
        order = np.random.default_rng(epoch)  # the same for every model and seed: comparisons stay paired
        done = epoch - 1.0
        for batch in self.train.batches(self.batch_words, self.layers, self.device, order):
            stop_if_unwanted()
            each = [
                # Summed over layers and seeds: each probe has its own mean loss, and its own parameters.
                losses(logits, labels).sum()
                for logits, labels in zip(self.heads(batch), batch.labels, strict=True)
                if len(labels)
            ]
            if each:
                torch.stack(each).sum().backward()
                optimiser.step(self.learning_rate * (1 - done / self.n_epochs))
            done += batch.states.shape[1] / self.train.n_words
            progress(done / self.n_epochs)


def _scaling(train: Runs, tasks: Sequence[TaskData], layers: Sequence[int], device: torch.device) -> Scaling:
    """What words and tasks' vectors are scaled by, from training words spread over the split."""
    mean, deviation, axes = _moments(train, layers, device)
    return Scaling(mean, deviation, axes, _sizes(train, tasks, layers, mean, deviation))


def _moments(
    train: Runs, layers: Sequence[int], device: torch.device
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Mean, deviation and principal axes of about SCALING_WORDS words."""
    n = 0
    total = square = torch.zeros(1, dtype=torch.float64)  # on the CPU: not every GPU has float64
    for batch in train.samples(SCALING_WORDS, layers, device):
        values = batch.states
        n += values.shape[1]
        total = total + values.sum(1, keepdim=True).cpu().double()
        square = square + torch.bmm(values.transpose(1, 2), values).cpu().double()
    mean = total / n
    covariance = square / n - mean.transpose(1, 2) * mean
    deviation = covariance.diagonal(dim1=1, dim2=2).clamp_min(0).sqrt().unsqueeze(1)
    # A dimension that never varies carries nothing: leave it as it is rather than divide by nothing.
    deviation = torch.where(deviation > 1e-6, deviation, torch.ones_like(deviation))
    _, axes = torch.linalg.eigh(covariance / (deviation.transpose(1, 2) * deviation))
    return mean.float().to(device), deviation.float().to(device), axes.float().to(device)


def _sizes(
    train: Runs, tasks: Sequence[TaskData], layers: Sequence[int], mean: torch.Tensor, deviation: torch.Tensor
) -> torch.Tensor:
    """Root mean square length of each task's vectors in about SIZING_WORDS words, in that of a word."""
    squares = torch.zeros(len(tasks), len(layers), device=mean.device)
    n = torch.zeros(len(tasks), 1, device=mean.device)
    for batch in train.samples(SIZING_WORDS, layers, mean.device):
        standard = (batch.states - mean) / deviation
        for t, (data, spans) in enumerate(zip(tasks, batch.spans, strict=True)):
            n[t] += len(spans)
            for slot in slots(data.task):
                squares[t] += take(standard, spans, slot).square().mean(2).sum(1)
    # No instance among these words, or none that varies: as they are.
    return torch.where(squares > 0, squares / n.clamp_min(1), torch.ones_like(squares)).sqrt()
