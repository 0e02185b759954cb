"""Rounds: how the probes of a stack are trained. Of each probe the best round is chosen on dev."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch

from probekit.probes.adam import Adam
from probekit.probes.batches import Batch, Runs
from probekit.probes.evaluate import Evaluated, evaluate, task_scores
from probekit.probes.fit_settings import FitSettings
from probekit.probes.schedule import MOST_ROUNDS, PATIENCE, Schedule
from probekit.probes.stack import Stack, generator
from probekit.tasks.question import Question

PATHS = (
    (0.03,),
    (0.01, 0.1),
    (0.003, 0.01, 0.1),
    (0.003, 0.01, 0.03, 0.1),
    (0.001, 0.003, 0.01, 0.03, 0.1),
)
"""Freedom of each round, by how many rounds there are: C, the inverse of the penalty, as
scikit-learn counts it."""
assert len(PATHS) == MOST_ROUNDS


@dataclass(frozen=True)
class Chosen:
    """What was chosen on dev.

    Attributes:
        rounds: `(tasks, views, seeds)` the round of each probe, from 1; 0 for one that is best as
            it began.
        dev_loss: `(tasks, views, seeds)` mean cross-entropy on dev in nats.
        dev_predictions: for each task `(views, seeds, n_dev)` labels.
    """

    rounds: np.ndarray
    dev_loss: np.ndarray
    dev_predictions: list[np.ndarray]


class Rounds:
    """The rounds of one stack.

    Args:
        stack: the probes, which are trained in place.
        questions: the tasks and their instances.
        train, dev: the splits, in the coordinates of the stack's scaling.
        layers: those that are read.
        settings: how probes are trained.
        schedule: how the words of the training split are read.
    """

    def __init__(
        self,
        stack: Stack,
        questions: Sequence[Question],
        train: Runs,
        dev: Runs,
        layers: Sequence[int],
        settings: FitSettings,
        schedule: Schedule,
    ) -> None:
        self.stack, self.questions, self.train, self.dev = stack, questions, train, dev
        self.layers, self.schedule = layers, schedule
        self.by_loss, self.freedom = settings.choose_by == "loss", settings.freedom
        # One for each task: a probe does not depend on what is fitted with it.
        self.noise = [generator((task.name, "noise")) for task in stack.tasks]
        self.path = PATHS[schedule.rounds - 1]
        self.shape = (len(questions), stack.n_views, len(stack.seeds))
        self.rounds = np.zeros(self.shape, dtype=np.int64)
        self.score, self.loss = np.full(self.shape, -np.inf), np.full(self.shape, np.inf)
        self.best: dict[tuple[int, ...], list[torch.Tensor]] = {}
        self.predictions = []
        for instances in dev.instances:
            self.predictions.append(np.empty((*self.shape[1:], len(instances)), dtype=np.int64))

    def run(self, progress: Callable[[float], None]) -> Chosen:
        """Train, and restore the best round of every probe."""
        for number in range(1, self.schedule.rounds + 1):
            self._round(number, progress)
            self.consider(number)
            if (number - self.rounds >= PATIENCE).all():
                break
        for t, view, seed in np.ndindex(*self.shape):
            parameters = self.stack.cell(t, view, seed)
            for parameter, values in zip(parameters, self.best[t, view, seed], strict=True):
                parameter.copy_(values)
        progress(1)
        return Chosen(self.rounds, self.loss, self.predictions)

    def consider(self, number: int) -> None:
        """Keep the probes, as they are after round `number`, that are the best so far."""
        evaluated = evaluate(self.stack, self.dev, self.layers)
        loss = np.stack([of_task.mean_loss() for of_task in evaluated])
        score = -loss if self.by_loss else self._dev_scores(evaluated)
        better = (score > self.score) | ((score == self.score) & (loss < self.loss))
        # A probe that has run out of patience is final, however long others of its group go on.
        better &= number - self.rounds <= PATIENCE
        for t, view, seed in np.argwhere(better).tolist():
            parameters = self.stack.cell(t, view, seed)
            self.best[t, view, seed] = [parameter.clone() for parameter in parameters]
            self.predictions[t][view, seed] = evaluated[t].predictions[view, seed]
        self.score = np.where(better, score, self.score)
        self.loss = np.where(better, loss, self.loss)
        self.rounds[better] = number

    def _dev_scores(self, evaluated: Sequence[Evaluated]) -> np.ndarray:
        """The metric on dev, `(tasks, views, seeds)`."""
        scores = []
        for question, of_task in zip(self.questions, evaluated, strict=True):
            scores.append(task_scores(question, "dev", of_task.predictions))
        return np.stack(scores)

    def _round(self, number: int, progress: Callable[[float], None]) -> None:
        """Train until the learning rate is zero, with the penalty of this round."""
        freedom = self.path[number - 1] * self.stack.head.freedom * self.freedom
        # The penalty of scikit-learn's C is on the sum of losses, and the loss here is their mean.
        penalties = []
        for question in self.questions:
            penalties.append(1 / (freedom * len(question.splits["train"])))
        optimiser = Adam(self.stack.parameters(), (self.stack.first, self.stack.uniform()))
        device = self.stack.first.device
        steps = self.schedule.steps(number, self.train, self.layers, device, progress)
        for batch, learning_rate in steps:
            losses = self._losses(batch)
            if losses:
                torch.stack(losses).sum().backward()
                self.stack.penalise(penalties)
                optimiser.step(learning_rate)

    def _losses(self, batch: Batch) -> list[torch.Tensor]:
        """The loss of every task with instances in the batch, summed over views and seeds.

        Each probe has its own mean loss, and its own parameters.
        """
        found = []
        for t, output in enumerate(self.stack(batch, self.noise)):
            labels, weights = batch.labels[t], batch.weights[t]
            if not len(labels):
                continue
            each = self.stack.head.loss(output, labels)
            if weights is not None:
                each = each * weights[:, None]
            found.append(each.mean(1).sum())
        return found
