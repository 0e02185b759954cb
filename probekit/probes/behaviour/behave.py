"""Behave: what language models make of minimal pairs and of running text."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain

import numpy as np

from probekit.errors import InputError, TaskError
from probekit.models.likelihood import Likelihood, Scored
from probekit.models.lm_head import open_language_model
from probekit.models.model import Model, open_model
from probekit.probes.behaviour.behaviour_settings import BehaviourSettings
from probekit.probes.evaluate import NATS_IN_A_BIT
from probekit.progress import Progress
from probekit.stats.behaviour_metrics import BEHAVIOUR_METRICS, BehaviourMetric
from probekit.tasks.minimal_pairs import BehaviourQuestion


@dataclass(frozen=True, eq=False)
class Behaved:
    """What one language model makes of a task.

    Attributes:
        question: the task and its instances.
        metric: a name in BEHAVIOUR_METRICS.
        values: `(n, 2)` what is counted of each instance: of a pair 1 where the first sentence is
            more likely, 0.5 at a tie, and 1; of a text its bits and its words. Missing (NaN) where
            a sentence is longer than the model reads at once.
        log_probabilities: of pairs `(n, 2)`, of the good and the bad sentence, in nats.
        head: the model whose head was borrowed; empty for the model's own.
    """

    question: BehaviourQuestion
    metric: str
    values: np.ndarray
    log_probabilities: np.ndarray | None = None
    head: str = ""

    @property
    def measured(self) -> BehaviourMetric:
        """The metric itself."""
        return BEHAVIOUR_METRICS[self.metric]

    @property
    def is_read(self) -> np.ndarray:
        """Whether an instance could be read, `(n,)`."""
        return np.isfinite(self.values).all(axis=1)

    def warnings(self, model: str) -> list[str]:
        """A warning where instances are left out."""
        left_out = int((~self.is_read).sum())
        if not left_out:
            return []
        return [
            f"{self.question.task.name}: {left_out:,} of {len(self.values):,} instances left out: "
            f"{model} cannot read them at once, or predicts none of their subwords"
        ]


def counts_of(question: BehaviourQuestion, values: np.ndarray) -> np.ndarray:
    """Counts `(groups, 2)` of values `(n, 2)`; instances that are missing do not count.

    Raises TaskError where all are.
    """
    is_read = np.isfinite(values).all(axis=1)
    if not is_read.any():
        raise TaskError(
            f"task '{question.task.name}': the model can read none of its sentences at once"
        )
    groups = np.unique(question.groups[is_read], return_inverse=True)[1]
    found = np.zeros((int(groups.max()) + 1, values.shape[1]))
    np.add.at(found, groups, values[is_read])
    return found


def behave(
    model: Model,
    questions: Sequence[BehaviourQuestion],
    settings: BehaviourSettings,
    progress: Progress,
) -> list[Behaved]:
    """What a model makes of tasks of behaviour, its weights loaded once.

    Raises InputError for a model without a language-modelling head where none is named to borrow,
    for a reference that predicts other subwords, and for a pair that the tokenizer cannot tell
    apart; ModelError where a model cannot be run.
    """
    opened = open_language_model(model, settings.lm_head)
    mine = Likelihood(opened, settings.batch_tokens)
    reference = None
    if settings.reference is not None:
        other = open_model(settings.reference, settings.encoder)
        reference = Likelihood(open_language_model(other, settings.lm_head), settings.batch_tokens)
    found = []
    for question in questions:
        found.append(behaved(mine, question, progress))
        if reference is not None and not question.pairs:
            diverged = _bits(mine.divergence(reference, question.texts, progress), 1)
            found.append(Behaved(question, "kl", diverged, head=opened.head))
    return found


def behaved(likelihood: Likelihood, question: BehaviourQuestion, progress: Progress) -> Behaved:
    """What a language model makes of one task.

    Raises InputError for a pair that the tokenizer cannot tell apart, ModelError where the model
    cannot be run.
    """
    if question.pairs:
        return _of_pairs(likelihood, question, progress)
    bits = _bits(likelihood.score(question.texts, progress), -1)
    return Behaved(question, "bits", bits, head=likelihood.model.head)


def _of_pairs(likelihood: Likelihood, question: BehaviourQuestion, progress: Progress) -> Behaved:
    texts = list(chain.from_iterable((pair.good, pair.bad) for pair in question.pairs))
    scored = likelihood.score(texts, progress)
    for number, pair in enumerate(question.pairs):
        good, bad = (one.subwords.ids for one in scored[2 * number : 2 * number + 2])
        if np.array_equal(good, bad):
            raise InputError(
                f"the tokenizer of '{likelihood.model.name}' reads both sentences of a pair alike "
                f"({pair.sentence}): it lacks the characters that they differ in"
            )
    totals = np.array([one.total for one in scored]).reshape(-1, 2)
    difference = totals[:, 0] - totals[:, 1]
    right = (np.sign(difference) + 1) / 2  # a tie counts half, so that swapped pairs score 1 less
    values = np.stack([right, np.where(np.isnan(right), np.nan, 1.0)], axis=1)
    return Behaved(question, "accuracy", values, totals, likelihood.model.head)


def _bits(scored: Sequence[Scored], sign: int) -> np.ndarray:
    """Bits and words of each text, `(n, 2)`; missing where it is not read."""
    found = np.full((len(scored), 2), np.nan)
    for number, one in enumerate(scored):
        total, words = one.of_words if one.is_read else (0.0, 0)
        if words:
            found[number] = sign * total / NATS_IN_A_BIT, words
    return found
