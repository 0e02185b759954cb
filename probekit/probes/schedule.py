"""Schedule: the rounds, passes, batches and learning rates of a training."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch

from probekit.engine.workers import stop_if_unwanted
from probekit.probes.batches import Batch, Runs
from probekit.probes.fit_settings import FitSettings

MOST_ROUNDS = 5
MOST_EPOCHS = 4  # of a round, of a small corpus
LEAST_UPDATES = 40  # of a round, of a corpus of fewer than some thousand words
LEAST_UPDATES_GOING_ON = 20  # of a round, of probes that have learned from a part
PATIENCE = 2  # rounds without a better result on dev


@dataclass(frozen=True)
class Schedule:
    """How the words of a training split are read. In each round the learning rate falls to zero.

    Attributes:
        batch_words: words in a batch.
        learning_rate: at the beginning of a round.
        epochs: passes over the split in a round.
        rounds: how many there are at most.
    """

    batch_words: int
    learning_rate: float
    epochs: int
    rounds: int

    @classmethod
    def of(cls, n_words: int, settings: FitSettings, batches: int, smallest: int) -> Schedule:
        """For a training split of so many words.

        Small corpora have some hundred updates all the same, from smaller batches and more rounds.

        Args:
            n_words: words of the split.
            settings: how probes are trained.
            batches: how many batches the split of a small corpus is cut into.
            smallest: least words in a batch.
        """
        batch_words = int(np.clip(n_words // batches, smallest, settings.batch_words))
        epochs = max(settings.epochs, min(MOST_EPOCHS, settings.words // (3 * n_words)))
        updates = max(1, n_words // batch_words)  # of an epoch
        epochs = max(epochs, -(-LEAST_UPDATES // updates))
        rounds = min(MOST_ROUNDS, -(-settings.words // (epochs * n_words)))
        rate = settings.learning_rate * math.sqrt(batch_words / settings.batch_words)
        return cls(batch_words, rate, epochs, rounds)

    @classmethod
    def going_on(cls, n_words: int, settings: FitSettings) -> Schedule:
        """For probes that begin with what they learned from a part of these words.

        Large steps would lose that again.

        Args:
            n_words: words of the training split.
            settings: how probes are trained.
        """
        batch_words = int(np.clip(n_words // 64, 256, settings.batch_words))
        updates = max(1, n_words // batch_words)  # of an epoch
        epochs = -(-LEAST_UPDATES_GOING_ON // updates)
        rounds = 3 if n_words < settings.words // 20 else 2
        rate = settings.learning_rate / 2 * math.sqrt(batch_words / settings.batch_words)
        return cls(batch_words, rate, epochs, rounds)

    def steps(
        self,
        number: int,
        train: Runs,
        layers: Sequence[int],
        device: torch.device,
        progress: Callable[[float], None],
    ) -> Iterator[tuple[Batch, float]]:
        """The batches of round `number` (from 1), each with its learning rate.

        Their order is the same for every model and seed: comparisons stay paired.

        Args:
            number: of the round.
            train: the training split.
            layers: those that are read.
            device: where the vectors lie.
            progress: called with the share of all rounds that is done.
        """
        done = 0.0  # of the words of the round
        for epoch in range(1, self.epochs + 1):
            order = np.random.default_rng((number - 1) * self.epochs + epoch)
            for batch in train.batches(self.batch_words, layers, device, order):
                stop_if_unwanted()
                yield batch, self.learning_rate * (1 - done)
                done += batch.states.shape[1] / train.n_words / self.epochs
                progress((number - 1 + done) / self.rounds)
