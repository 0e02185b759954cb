"""Training: one stack of probes, in rounds, with one pass over the states per epoch."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
import torch

from probekit.corpora.passage import SPLITS
from probekit.probes import scaling
from probekit.probes.batches import Runs, Transform
from probekit.probes.evaluate import evaluate
from probekit.probes.fit_settings import FitSettings
from probekit.probes.fitted import Fitted
from probekit.probes.heads import Head
from probekit.probes.mixture import mixture
from probekit.probes.rounds import Rounds
from probekit.probes.schedule import Schedule
from probekit.probes.stack import Stack
from probekit.probes.view import View
from probekit.probes.whitened import MOST_BYTES, n_words, whitened
from probekit.states.tensors import at_hand
from probekit.states.vectors import Vectors
from probekit.tasks.question import Question

SMALLEST_BATCH, BATCHES = 256, 128  # words, and how many of a small corpus


def layers_of(views: Sequence[View]) -> tuple[int, ...]:
    """Every layer that the views read, ascending."""
    return tuple(sorted({layer for view in views for layer in view.layers}))


def untrained(
    train: Runs,
    questions: Sequence[Question],
    head: Head,
    views: tuple[View, ...],
    seeds: tuple[int, ...],
    device: torch.device,
) -> Stack:
    """The probes as they begin, in coordinates measured on `train`.

    Args: as for `Training`. Raises ModelError for states that are not finite.
    """
    layers = layers_of(views)
    mixed = mixture(views, train, layers, device)
    read = [replace(question, task=head.reads(question.task)) for question in questions]
    scales = scaling.measure(train, read, layers, mixed, device)
    n_classes = [len(question.classes) for question in questions]
    return Stack(head, [question.task for question in read], n_classes, mixed, scales, seeds)


def can_whiten(stack: Stack, views: Sequence[View]) -> bool:
    """Whether the probes can read words in their own coordinates: all share these."""
    has_products = any(task.features == "product" for task in stack.tasks)
    return views[0].combine == "single" and not has_products


class Training:
    """The training of one stack.

    Args:
        states: what is read.
        questions: the tasks and their instances.
        head: the kind of probe.
        views: the layers that probes read, all combined in one way.
        seeds: one probe per view for each.
        settings: how probes are trained.

    Raises ModelError for states that are not finite.
    """

    def __init__(
        self,
        states: Vectors,
        questions: Sequence[Question],
        head: Head,
        views: tuple[View, ...],
        seeds: tuple[int, ...],
        settings: FitSettings,
    ) -> None:
        self.questions, self.head, self.views, self.seeds = questions, head, views, seeds
        self.layers = layers_of(views)
        self.all_layers = tuple(states.layers)
        self.device = settings.where()
        self.settings = settings
        states = at_hand(states, self.layers, self.device)
        self._read(states)
        self.stack = untrained(self.train, questions, head, views, seeds, self.device)
        self.scaling = self.stack.scaling
        self.schedule = Schedule.of(self.train.n_words, settings, BATCHES, SMALLEST_BATCH)
        if self._whitens_words(states):
            self._read(whitened(states, self.layers, self.scaling))
        elif self._whitens_batches():
            self._read(states, self.scaling.white)
        else:
            return
        self.stack.scaling = self.scaling.of_whitened()

    def _read(self, states: Vectors, transform: Transform | None = None) -> None:
        runs = []
        for split in SPLITS:
            instances = [question.splits[split] for question in self.questions]
            runs.append(Runs(states, split, instances, transform))
        self.train, self.dev, self.test = runs

    def _whitens_words(self, states: Vectors) -> bool:
        """Whether multiplying all words by the axes once beats the weights at each step."""
        if not can_whiten(self.stack, self.views):
            return False
        words = n_words(states)
        schedule = self.schedule
        updates = max(1, self.train.n_words // schedule.batch_words)  # of an epoch
        steps = schedule.rounds * schedule.epochs * updates
        # Rows that are multiplied by the axes: every word once; or at every step the weights of
        # every class, forwards and backwards.
        of_weights = 2 * self.stack.first.shape[2] * steps
        return words < of_weights and 4 * words * states.dim <= MOST_BYTES

    def _whitens_batches(self) -> bool:
        """Whether multiplying the words of each batch by the axes beats the weights at each
        step, which are multiplied forwards and backwards."""
        if not can_whiten(self.stack, self.views):
            return False
        return self.schedule.batch_words < 2 * self.stack.first.shape[2]

    def run(self, progress: Callable[[float], None]) -> list[Fitted]:
        """Train, restore the best round of every probe, and label the test split."""
        rounds = Rounds(
            self.stack,
            self.questions,
            self.train,
            self.dev,
            self.layers,
            self.settings,
            self.schedule,
        )
        chosen = rounds.run(progress)
        test = evaluate(self.stack, self.test, self.layers)
        self.stack.finish(self.scaling)
        self.stack.leave_device()
        return [
            Fitted(
                question=question,
                head=self.head.name,
                views=self.views,
                seeds=self.seeds,
                predictions=test[t].predictions,
                losses=test[t].losses,
                dev_predictions=chosen.dev_predictions[t],
                dev_loss=chosen.dev_loss[t],
                epochs=chosen.rounds[t] * self.schedule.epochs,
                shares=self._shares(t),
                stacks=((self.layers, self.stack),),
            )
            for t, question in enumerate(self.questions)
        ]

    def _shares(self, t: int) -> np.ndarray:
        """The share of each layer of the states in each view of a task, `(views, seeds,
        layers)`."""
        shares = np.zeros((len(self.views), len(self.seeds), len(self.all_layers)))
        places = [self.all_layers.index(layer) for layer in self.layers]
        shares[:, :, places] = self.stack.mixture.shares(t).numpy()[:, None]
        return shares
