"""Training: one stack of probes, in rounds, with one pass over the states per epoch."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
import torch

from probekit.corpora.passage import SPLITS, Split
from probekit.probes import scaling
from probekit.probes.adam import Adam
from probekit.probes.batches import Batch, Runs
from probekit.probes.evaluate import Evaluated, evaluate, task_scores
from probekit.probes.fit_settings import FitSettings
from probekit.probes.fitted import Fitted
from probekit.probes.heads import Head
from probekit.probes.mixture import mixture
from probekit.probes.schedule import MOST_ROUNDS, PATIENCE, Schedule
from probekit.probes.stack import Stack, generator
from probekit.probes.view import View
from probekit.probes.whitened import MOST_BYTES, n_words, whitened
from probekit.states.vectors import Vectors
from probekit.tasks.question import Question

SMALLEST_BATCH, BATCHES = 256, 128  # words, and how many of a small corpus
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
        self.layers = tuple(sorted({layer for view in views for layer in view.layers}))
        self.all_layers = tuple(states.layers)
        self.device = torch.device(settings.device)
        self.by_loss, self.freedom = settings.choose_by == "loss", settings.freedom
        self._read(states)
        mixed = mixture(views, self.train, self.layers, self.device)
        read = [replace(question, task=head.reads(question.task)) for question in questions]
        self.scaling = scaling.measure(self.train, read, self.layers, mixed, self.device)
        n_classes = [len(question.classes) for question in questions]
        tasks = [question.task for question in read]
        self.stack = Stack(head, tasks, n_classes, mixed, self.scaling, seeds)
        # One for each task: a probe does not depend on what is fitted with it.
        self.noise = [generator((task.name, "noise")) for task in tasks]
        self.schedule = Schedule.of(self.train.n_words, settings, BATCHES, SMALLEST_BATCH)
        self.path = PATHS[self.schedule.rounds - 1]
        if self._whitens_words(states):
            self._read(whitened(states, self.layers, self.scaling))
            self.stack.scaling = self.scaling.of_whitened()

    def _read(self, states: Vectors) -> None:
        self.train, self.dev, self.test = (self._runs(states, split) for split in SPLITS)

    def _runs(self, states: Vectors, split: Split) -> Runs:
        return Runs(states, split, [question.splits[split] for question in self.questions])

    def _whitens_words(self, states: Vectors) -> bool:
        """Whether multiplying all words by the axes once beats the weights at each step."""
        if any(task.features == "product" for task in self.stack.tasks):
            return False
        if self.views[0].combine != "single":
            return False
        words = n_words(states)
        schedule = self.schedule
        updates = max(1, self.train.n_words // schedule.batch_words)  # of an epoch
        steps = schedule.rounds * schedule.epochs * updates
        # Rows that are multiplied by the axes: every word once; or at every step the weights of
        # every class, forwards and backwards.
        of_weights = 2 * self.stack.first.shape[2] * steps
        return words < of_weights and 4 * words * len(self.layers) * states.dim <= MOST_BYTES

    def run(self, progress: Callable[[float], None]) -> list[Fitted]:
        """Train, restore the best round of every probe, and label the test split."""
        shape = (len(self.questions), len(self.views), len(self.seeds))
        best_score, best_loss = np.full(shape, -np.inf), np.full(shape, np.inf)
        best_round = np.zeros(shape, dtype=np.int64)
        best: dict[tuple[int, ...], list[torch.Tensor]] = {}
        dev = [
            np.empty((*shape[1:], len(instances)), dtype=np.int64)
            for instances in self.dev.instances
        ]
        for number in range(1, self.schedule.rounds + 1):
            self._round(number, progress)
            evaluated = evaluate(self.stack, self.dev, self.layers)
            loss = np.stack([of_task.mean_loss() for of_task in evaluated])
            score = -loss if self.by_loss else self._dev_scores(evaluated)
            better = (score > best_score) | ((score == best_score) & (loss < best_loss))
            # A probe that has run out of patience is final, however long others of its group go on.
            better &= number - best_round <= PATIENCE
            for t, view, seed in np.argwhere(better).tolist():
                parameters = self.stack.cell(t, view, seed)
                best[t, view, seed] = [parameter.clone() for parameter in parameters]
                dev[t][view, seed] = evaluated[t].predictions[view, seed]
            best_score = np.where(better, score, best_score)
            best_loss = np.where(better, loss, best_loss)
            best_round[better] = number
            if (number - best_round >= PATIENCE).all():
                break
        for t, view, seed in np.ndindex(*shape):
            parameters = self.stack.cell(t, view, seed)
            for parameter, values in zip(parameters, best[t, view, seed], strict=True):
                parameter.copy_(values)
        progress(1)
        test = evaluate(self.stack, self.test, self.layers)
        self.stack.finish(self.scaling)
        return [
            Fitted(
                question=question,
                head=self.head.name,
                views=self.views,
                seeds=self.seeds,
                predictions=test[t].predictions,
                losses=test[t].losses,
                dev_predictions=dev[t],
                dev_loss=best_loss[t],
                epochs=best_round[t] * self.schedule.epochs,
                shares=self._shares(),
                stacks=((self.layers, self.stack),),
            )
            for t, question in enumerate(self.questions)
        ]

    def _losses(self, batch: Batch) -> list[torch.Tensor]:
        """The loss of every task with instances in the batch, summed over views and seeds.

        Each probe has its own mean loss, and its own parameters.
        """
        found = []
        for t, output in enumerate(self.stack(batch, self.noise)):
            labels, weights = batch.labels[t], batch.weights[t]
            if not len(labels):
                continue
            each = self.head.loss(output, labels)
            if weights is not None:
                each = each * weights[:, None]
            found.append(each.mean(1).sum())
        return found

    def _shares(self) -> np.ndarray:
        """The share of each layer of the states in each view, `(views, seeds, layers)`."""
        shares = np.zeros((len(self.views), len(self.seeds), len(self.all_layers)))
        places = [self.all_layers.index(layer) for layer in self.layers]
        shares[:, :, places] = self.stack.mixture.shares().numpy()[:, None]
        return shares

    def _dev_scores(self, evaluated: Sequence[Evaluated]) -> np.ndarray:
        """The metric on dev, `(tasks, views, seeds)`."""
        scores = []
        for question, of_task in zip(self.questions, evaluated, strict=True):
            scores.append(task_scores(question, "dev", of_task.predictions))
        return np.stack(scores)

    def _round(self, number: int, progress: Callable[[float], None]) -> None:
        """Train until the learning rate is zero, with the penalty of this round."""
        freedom = self.path[number - 1] * self.head.freedom * self.freedom
        # The penalty of scikit-learn's C is on the sum of losses, and the loss here is their mean.
        penalties = []
        for question in self.questions:
            penalties.append(1 / (freedom * len(question.splits["train"])))
        optimiser = Adam(self.stack.parameters(), (self.stack.first, self.stack.uniform()))
        steps = self.schedule.steps(number, self.train, self.layers, self.device, progress)
        for batch, learning_rate in steps:
            losses = self._losses(batch)
            if losses:
                torch.stack(losses).sum().backward()
                self.stack.penalise(penalties)
                optimiser.step(learning_rate)
