"""Fitting: probes of all layers, seeds and tasks at once, one pass over the states per epoch."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from concurrent.futures import wait
from dataclasses import dataclass, replace
from functools import partial
from operator import setitem

import numpy as np
import torch

from probekit.corpora.passage import SPLITS, Split
from probekit.engine.workers import count, stop_if_unwanted, workers
from probekit.probes import scaling
from probekit.probes.adam import Adam
from probekit.probes.batches import Runs
from probekit.probes.evaluate import evaluate, task_scores
from probekit.probes.heads import Head, head_of
from probekit.probes.stack import Stack
from probekit.probes.whitened import MOST_BYTES, n_words, whitened
from probekit.progress import Progress, silent
from probekit.states.vectors import Vectors
from probekit.tasks.question import Question

SMALLEST_BATCH = 256  # words
PATHS = (
    (0.03,),
    (0.01, 0.1),
    (0.003, 0.01, 0.1),
    (0.003, 0.01, 0.03, 0.1),
    (0.001, 0.003, 0.01, 0.03, 0.1),
)
"""Freedom of each round, by how many rounds there are: C, the inverse of the penalty, as
scikit-learn counts it."""
MOST_EPOCHS = 4  # of a round, of a small corpus
PATIENCE = 2  # rounds without a better dev score
GROUP_BYTES = 1 << 27  # most that a batch and axes of the layers fitted together may take


@dataclass(frozen=True)
class FitSettings:
    """How probes are trained: in rounds, in each of which the learning rate falls to zero.

    Each round begins with the weights of the one before it, and allows larger ones (see PATHS). The
    probe with the best dev score at the end of a round is chosen: never one in the middle of its
    training, and more rounds only widen the choice.

    Attributes:
        epochs: least passes over the training split in a round; small corpora have up to four.
        words: least words read in training; small corpora take up to five rounds for it.
        batch_words: most words in a batch; small corpora take smaller batches.
        learning_rate: at the beginning of a round, for batches of `batch_words`. For smaller ones
            it shrinks with their square root (Malladi et al. 2022, arXiv:2205.10287, for Adam). It
            falls linearly to zero.
        device: where the probes are fitted.
    """

    epochs: int = 2
    words: int = 300_000
    batch_words: int = 1_536
    learning_rate: float = 2e-2
    device: str = "cpu"


DEFAULT = FitSettings()


@dataclass(frozen=True)
class Fitted:
    """Trained probes of one task.

    Attributes:
        question: the task and its instances.
        head: the kind of probe.
        layers: the layers probed.
        seeds: the seeds.
        predictions: `(layers, seeds, n_test)` labels given to the test instances, as indices of the
            classes.
        dev_predictions: `(layers, seeds, n_dev)` labels given to the dev instances.
        dev_loss: `(layers, seeds)` mean cross-entropy on dev in nats, of the chosen probe; lower is
            better.
        epochs: `(layers, seeds)` epochs that the chosen probe was trained for.
        stacks: the probes of all tasks fitted together, by runs of layers.
    """

    question: Question
    head: str
    layers: tuple[int, ...]
    seeds: tuple[int, ...]
    predictions: np.ndarray
    dev_predictions: np.ndarray
    dev_loss: np.ndarray
    epochs: np.ndarray
    stacks: tuple[tuple[tuple[int, ...], Stack], ...]


def fit(
    states: Vectors,
    questions: Sequence[Question],
    *,
    probe: str = "linear",
    seeds: tuple[int, ...] = (0,),
    settings: FitSettings = DEFAULT,
    progress: Progress = silent,
) -> list[Fitted]:
    """Train probes of every task on one checkpoint's states, see `fit_together`."""
    return fit_together(
        [states], questions, probe=probe, seeds=seeds, settings=settings, progress=progress
    )[0]


def fit_together(
    checkpoints: Sequence[Vectors],
    questions: Sequence[Question],
    *,
    probe: str = "linear",
    seeds: tuple[int, ...] = (0,),
    settings: FitSettings = DEFAULT,
    progress: Progress = silent,
) -> list[list[Fitted]]:
    """Train probes of every checkpoint, task, layer and seed, and label the test split.

    They are trained on the training split; the round with the best dev score is chosen. A probe's
    result depends on its own states, task, layer and seed, not on what else is fitted with it,
    apart from the rounding of larger matrix products. States must have been read in the context of
    the tasks.

    Args:
        checkpoints: the states of each.
        questions: the tasks and their instances, the same for all checkpoints.
        probe: the kind of probe, see `heads.head_of`.
        seeds: one probe per layer for each.
        settings: how probes are trained.
        progress: called with the stage, the runs of layers done and how many there are.

    Returns, for each checkpoint, the trained probes of each task. Raises ModelError for states that
    are not finite.
    """
    head = head_of(probe)
    groups = [
        (i, layers)
        for i, states in enumerate(checkpoints)
        for layers in _layer_groups(states, settings)
    ]
    done = [0.0] * len(groups)  # shares of the work
    with workers(torch.device(settings.device)) as pool:
        parts = []
        for number, (i, layers) in enumerate(groups):
            begin = partial(_Fit, checkpoints[i], questions, head, seeds, settings, layers)
            parts.append(pool.submit(_trained, begin, partial(setitem, done, number)))
        while wait(parts, timeout=0.1).not_done:
            progress("fit", sum(done), len(groups))
        fitted: list[list[list[Fitted]]] = [[] for _ in checkpoints]
        for (i, _), part in zip(groups, parts, strict=True):
            fitted[i].append(part.result())
    progress("fit", len(groups), len(groups))
    joined: list[list[Fitted]] = []
    for of_one in fitted:
        by_task = zip(*of_one, strict=True)
        joined.append([_joined(groups_of_task) for groups_of_task in by_task])
    return joined


def predict(fitted: Sequence[Fitted], states: Vectors, split: Split) -> list[np.ndarray]:
    """What trained probes predict from other vectors of the same words.

    `fitted` are the probes of all tasks that were fitted together. The probe of layer k reads layer
    k of `states`.

    Returns `(layers, seeds, n)` labels for each task.
    """
    runs = Runs(states, split, [one.question.splits[split] for one in fitted])
    with workers(fitted[0].stacks[0][1].scaling.mean.device) as pool:
        parts = list(
            pool.map(lambda group: evaluate(group[1], runs, group[0])[1], fitted[0].stacks)
        )
    return [np.concatenate(of_task) for of_task in zip(*parts, strict=True)]


def _layer_groups(states: Vectors, settings: FitSettings) -> list[tuple[int, ...]]:
    """Runs of layers that are fitted together: one per worker, or more where batches are large."""
    # A batch and the axes of two kinds in single precision, two covariances in double.
    bytes_each = 4 * states.dim * (settings.batch_words + 2 * states.dim) + 2 * 8 * states.dim**2
    most = max(1, GROUP_BYTES // bytes_each)
    n = max(
        -(-len(states.layers) // most),
        min(count(torch.device(settings.device)), len(states.layers)),
    )
    return [tuple(layers.tolist()) for layers in np.array_split(states.layers, n)]


def _trained(begin: Callable[[], _Fit], progress: Callable[[float], None]) -> list[Fitted]:
    """The result of a fit that begins in the worker, since it reads states."""
    return begin().run(progress)


def _joined(parts: Sequence[Fitted]) -> Fitted:
    """Fits of different layers as one."""
    return replace(
        parts[0],
        layers=tuple(layer for part in parts for layer in part.layers),
        predictions=np.concatenate([part.predictions for part in parts]),
        dev_predictions=np.concatenate([part.dev_predictions for part in parts]),
        dev_loss=np.concatenate([part.dev_loss for part in parts]),
        epochs=np.concatenate([part.epochs for part in parts]),
        stacks=tuple(group for part in parts for group in part.stacks),
    )


class _Fit:
    """One stacked fit of some layers."""

    def __init__(
        self,
        states: Vectors,
        questions: Sequence[Question],
        head: Head,
        seeds: tuple[int, ...],
        settings: FitSettings,
        layers: tuple[int, ...],
    ) -> None:
        self.questions, self.head, self.seeds, self.layers = questions, head, seeds, layers
        self.device = torch.device(settings.device)
        self._read(states)
        self.scaling = scaling.measure(self.train, questions, layers, self.device)
        n_classes = [len(question.classes) for question in questions]
        self.stack = Stack(
            head, [question.task for question in questions], n_classes, self.scaling, seeds
        )
        # Small corpora: some hundred updates all the same, from smaller batches and more rounds.
        self.batch_words = int(
            np.clip(self.train.n_words // 128, SMALLEST_BATCH, settings.batch_words)
        )
        self.learning_rate = settings.learning_rate * math.sqrt(
            self.batch_words / settings.batch_words
        )
        self.epochs = max(
            settings.epochs, min(MOST_EPOCHS, settings.words // (3 * self.train.n_words))
        )
        n_rounds = -(-settings.words // (self.epochs * self.train.n_words))
        self.path = PATHS[min(n_rounds, len(PATHS)) - 1]
        if self._whitens_words(states):
            self._read(whitened(states, layers, self.scaling))
            self.stack.scaling = self.scaling.of_whitened()

    def _read(self, states: Vectors) -> None:
        self.train, self.dev, self.test = (self._runs(states, split) for split in SPLITS)

    def _runs(self, states: Vectors, split: Split) -> Runs:
        return Runs(states, split, [question.splits[split] for question in self.questions])

    def _whitens_words(self, states: Vectors) -> bool:
        """Whether multiplying all words by the axes once beats the weights at each step."""
        if any(question.task.features == "product" for question in self.questions):
            return False
        words = n_words(states)
        steps = len(self.path) * self.epochs * max(1, self.train.n_words // self.batch_words)
        # Rows that are multiplied by the axes: every word once; or at every step the weights of
        # every class, forwards and backwards.
        of_weights = 2 * self.stack.first.shape[2] * steps
        return words < of_weights and 4 * words * len(self.layers) * states.dim <= MOST_BYTES

    def run(self, progress: Callable[[float], None]) -> list[Fitted]:
        """Train, restore the best round of every probe, and label the test split."""
        shape = (len(self.questions), len(self.layers), len(self.seeds))
        best_score, best_loss = np.full(shape, -np.inf), np.full(shape, np.inf)
        best_round = np.zeros(shape, dtype=np.int64)
        best: dict[tuple[int, ...], list[torch.Tensor]] = {}
        dev = [
            np.empty((*shape[1:], len(instances)), dtype=np.int64)
            for instances in self.dev.instances
        ]
        for number in range(1, len(self.path) + 1):
            self._round(number, progress)
            loss, predictions = evaluate(self.stack, self.dev, self.layers)
            score = self._dev_scores(predictions)
            better = (score > best_score) | ((score == best_score) & (loss < best_loss))
            # A probe that has run out of patience is final, however long others of its group go on.
            better &= number - best_round <= PATIENCE
            for t, layer, seed in np.argwhere(better).tolist():
                best[t, layer, seed] = [view.clone() for view in self.stack.cell(t, layer, seed)]
                dev[t][layer, seed] = predictions[t][layer, seed]
            best_score = np.where(better, score, best_score)
            best_loss = np.where(better, loss, best_loss)
            best_round[better] = number
            if (number - best_round >= PATIENCE).all():
                break
        for t, layer, seed in np.ndindex(*shape):
            views = self.stack.cell(t, layer, seed)
            for view, values in zip(views, best[t, layer, seed], strict=True):
                view.copy_(values)
        progress(1)
        _, test = evaluate(self.stack, self.test, self.layers)
        self.stack.finish(self.scaling)
        return [
            Fitted(
                question=question,
                head=self.head.name,
                layers=self.layers,
                seeds=self.seeds,
                predictions=test[t],
                dev_predictions=dev[t],
                dev_loss=best_loss[t],
                epochs=best_round[t] * self.epochs,
                stacks=((self.layers, self.stack),),
            )
            for t, question in enumerate(self.questions)
        ]

    def _dev_scores(self, predictions: Sequence[np.ndarray]) -> np.ndarray:
        """The metric on dev, `(tasks, layers, seeds)`, from each task's predictions `(layers,
        seeds, n)`."""
        pairs = zip(self.questions, predictions, strict=True)
        return np.stack([task_scores(question, "dev", predicted) for question, predicted in pairs])

    def _round(self, number: int, progress: Callable[[float], None]) -> None:
        """Train until the learning rate is zero, with the penalty of this round."""
        freedom = self.path[number - 1] * self.head.freedom
        # The penalty of scikit-learn's C is on the sum of losses, and the loss here is their mean.
        penalties = [1 / (freedom * len(question.splits["train"])) for question in self.questions]
        optimiser = Adam(self.stack.parameters(), (self.stack.first, self.stack.uniform()))
        done = 0.0  # of the words of the round
        for epoch in range(1, self.epochs + 1):
            # The same for every model and seed: comparisons stay paired.
            order = np.random.default_rng((number - 1) * self.epochs + epoch)
            for batch in self.train.batches(self.batch_words, self.layers, self.device, order):
                stop_if_unwanted()
                each = [
                    # Summed over layers and seeds: each probe has its own mean loss, and its own
                    # parameters.
                    self.head.loss(output, labels).sum()
                    for output, labels in zip(self.stack(batch), batch.labels, strict=True)
                    if len(labels)
                ]
                if each:
                    torch.stack(each).sum().backward()
                    self.stack.penalise(penalties)
                    optimiser.step(self.learning_rate * (1 - done))
                done += batch.states.shape[1] / self.train.n_words / self.epochs
                progress((number - 1 + done) / len(self.path))
