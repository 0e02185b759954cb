"""Attributed: what the score of a decision rests on, by integrated gradients over its words.

Integrated gradients (Sundararajan et al. 2017, arXiv:1703.01365) follow the straight path from the
embeddings of nothing to those of the words. What they attribute sums to the difference of the score
between its two ends, up to the error of the quadrature, which is reported. Ablation of one word at
a time checks them. Conductance (Dhamdhere et al. 2018, arXiv:1805.12233) tells through which states
of a layer the same difference flows.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import TypeVar

import numpy as np
import torch

from probekit.engine.workers import workers
from probekit.models.align import NO_WORD
from probekit.progress import Progress
from probekit.usage.attribution import CANCELLED
from probekit.usage.decision import Batch, Decision
from probekit.usage.explained import SUBWORDS, Explained

T = TypeVar("T")

FIRST_STEPS, MOST_STEPS = 16, 1_024
TOLERANCE = 0.01  # of the difference of the score: the largest error that is accepted


@dataclass(eq=False)
class Attributed:
    """What one score rests on.

    Attributes:
        decision: the decision.
        predicted: number of the label that the probe gives.
        score: of the label explained, where the model reads the text.
        without: the same where it reads nothing in place of the words.
        words: `(n,)` what is attributed to each word of the text; missing (NaN) for words outside
            the windows that are read.
        delta: the sum of these less the difference of the scores.
        steps: of the path.
        ablated: `(n,)` how far the score falls where one word alone is replaced by nothing; None
            where that was not tried.
        flows: by layer, `(n + 1,)` what flows through the states of each word, and last through
            those of special tokens, which the blocks below have mixed with words.
        neurons: by layer, `(dim,)` what flows through each neuron, over all subwords.
    """

    decision: Decision
    predicted: int
    score: float
    without: float
    words: np.ndarray
    delta: float
    steps: int
    ablated: np.ndarray | None = None
    flows: dict[int, np.ndarray] = field(default_factory=dict)
    neurons: dict[int, np.ndarray] = field(default_factory=dict)

    @property
    def difference(self) -> float:
        """What is attributed: the score less the one without the words."""
        return self.score - self.without

    @property
    def has_converged(self) -> bool:
        """Whether the error is within the tolerance."""
        return self.is_sum(self.words)

    @property
    def flows_have_converged(self) -> bool:
        """Whether what flows through each layer is the same difference, within the tolerance."""
        return all(self.is_sum(flows) for flows in self.flows.values())

    def is_sum(self, parts: np.ndarray) -> bool:
        """Whether parts sum to the difference, within the tolerance.

        Where they cancel each other, the difference may be smaller than rounding: it counts as at
        least CANCELLED of the sum of their absolute values.
        """
        error = float(np.nansum(parts)) - self.difference
        total = float(np.nansum(np.abs(parts)))
        return abs(error) <= TOLERANCE * max(abs(self.difference), CANCELLED * total)

    @property
    def shares(self) -> np.ndarray:
        """`(n,)` what is attributed to each word, as a share of the sum of absolute values."""
        total = np.nansum(np.abs(self.words))
        return self.words / total if total else np.zeros_like(self.words)


def attributed(
    explained: Explained,
    decisions: Sequence[Decision],
    n_words: Sequence[int],
    progress: Progress,
) -> list[Attributed]:
    """What the scores of decisions rest on.

    Those whose error is above the tolerance are computed again with twice as many steps, up to
    MOST_STEPS.

    Args:
        explained: the probe on the model.
        decisions: the decisions.
        n_words: number of words of each one's text.
        progress: called with the stage, the decisions done and their number.
    """
    found: dict[int, Attributed] = {}
    steps, waiting = FIRST_STEPS, list(range(len(decisions)))
    while waiting:
        chosen = [decisions[number] for number in waiting]
        run = partial(_integrated, explained, steps=steps)
        parts = [_chosen(waiting, numbers) for numbers in explained.batches(chosen, steps)]
        with workers(explained.below.device) as pool:
            groups = [_chosen(decisions, part) for part in parts]
            lengths = [_chosen(n_words, part) for part in parts]
            for part, results in zip(parts, pool.map(run, groups, lengths), strict=True):
                for number, one in zip(part, results, strict=True):
                    found[number] = one
                done = sum(one.has_converged for one in found.values())
                progress("attribute", done, len(decisions))
        steps *= 2
        waiting = [number for number in waiting if not found[number].has_converged]
        if steps > MOST_STEPS:
            break
    progress("attribute", len(decisions), len(decisions))
    return [found[number] for number in range(len(decisions))]


def _chosen(values: Sequence[T], numbers: Sequence[int]) -> list[T]:
    """The values with these numbers."""
    return [values[number] for number in numbers]


def _integrated(
    explained: Explained,
    decisions: Sequence[Decision],
    n_words: Sequence[int],
    *,
    steps: int,
) -> list[Attributed]:
    """The attributions of one batch."""
    from captum.attr import IntegratedGradients

    batch = explained.batch(decisions)
    given = {"baselines": batch.baseline, "additional_forward_args": batch.further}
    values = IntegratedGradients(explained).attribute(
        batch.embedded, n_steps=steps, internal_batch_size=_rows_at_once(explained, batch), **given
    )
    sums = values.detach().sum(-1).double().cpu().numpy()
    score = explained.scores(batch, batch.embedded).double().cpu().numpy()
    without = explained.scores(batch, batch.baseline).double().cpu().numpy()
    predicted = explained.predicted(batch).cpu().numpy()
    found = []
    for b, decision in enumerate(decisions):
        words = _by_word(sums[b], batch.words[b], n_words[b])
        delta = float(np.nansum(words) - (score[b] - without[b]))
        one = Attributed(
            decision, int(predicted[b]), float(score[b]), float(without[b]), words, delta, steps
        )
        found.append(one)
    return found


def _rows_at_once(explained: Explained, batch: Batch, ends: int = 1) -> int:
    """How many decisions at steps of their paths captum may run at once."""
    each = explained.rows_subwords(batch.decisions[0])
    return max(len(batch.decisions) * ends, SUBWORDS // each)


def _by_word(values: np.ndarray, words: np.ndarray, n: int) -> np.ndarray:
    """Sums `(n,)` of the values of each word's subwords, `(R, W)`; NaN for words not among them."""
    is_word = words != NO_WORD
    found = np.full(n, np.nan)
    found[np.unique(words[is_word])] = 0
    np.add.at(found, words[is_word], values[is_word])
    return found


def add_ablations(
    explained: Explained, found: Sequence[Attributed], n_words: Sequence[int]
) -> None:
    """Add how far each decision's score falls without each of its words alone."""
    decisions = [one.decision for one in found]
    parts = list(explained.batches(decisions, FIRST_STEPS))
    groups = [_chosen(decisions, part) for part in parts]
    lengths = [_chosen(n_words, part) for part in parts]
    with workers(explained.below.device) as pool:
        every = pool.map(partial(_ablated, explained), groups, lengths)
        for part, results in zip(parts, every, strict=True):
            for number, fallen in zip(part, results, strict=True):
                found[number].ablated = fallen


def _ablated(
    explained: Explained, decisions: Sequence[Decision], n_words: Sequence[int]
) -> list[np.ndarray]:
    """How far the score of each decision of one batch falls without each word."""
    from captum.attr import FeatureAblation

    batch = explained.batch(decisions)
    # The words of each decision are numbered from 1 on; 0 is what stays, and "ablating" it changes
    # nothing.
    numbers = np.zeros(batch.words.shape, dtype=np.int64)
    for b, words in enumerate(batch.words):
        distinct = np.unique(words[words != NO_WORD])
        numbers[b] = np.where(words == NO_WORD, 0, np.searchsorted(distinct, words) + 1)
    mask = torch.from_numpy(numbers)[..., None].to(batch.embedded.device)
    values = FeatureAblation(explained).attribute(
        batch.embedded,
        baselines=batch.baseline,
        additional_forward_args=batch.further,
        feature_mask=mask,
        perturbations_per_eval=max(1, _rows_at_once(explained, batch) // len(batch.decisions)),
    )
    each = values.detach()[..., 0].double().cpu().numpy()
    found = []
    for b, words in enumerate(batch.words):
        is_word = words != NO_WORD
        fallen = np.full(n_words[b], np.nan)
        fallen[words[is_word]] = each[b][is_word]
        found.append(fallen)
    return found


def add_flows(
    explained: Explained, found: Sequence[Attributed], n_words: Sequence[int], progress: Progress
) -> None:
    """Add, for each layer between the embeddings and the one that the probe reads, what flows
    through the states of each word and through each neuron.

    captum's sum takes the gradient at the beginning of each step. The mean of the sums along the
    path and along its reverse is the trapezoidal rule, whose error falls with the square of the
    number of steps; that is doubled until the error is within the tolerance.

    Decisions over several windows are left out: captum's sum is over one.
    """
    total = len(found) * len(explained.below.taps)
    done = 0
    for one, n in zip(found, n_words, strict=True):
        for layer in explained.below.taps if len(one.decision.ids) == 1 else ():
            values, words = _conductance(explained, one, layer)
            of_words = _by_word(values.sum(-1), words, n)
            one.flows[layer] = np.append(of_words, values[words == NO_WORD].sum())
            one.neurons[layer] = values.sum((0, 1))
            done += 1
            progress("conductance", done, total)


def _conductance(
    explained: Explained, one: Attributed, layer: int
) -> tuple[np.ndarray, np.ndarray]:
    """What flows through a layer's states `(R, W, dim)` for one decision, and the words of these
    positions; other positions have NO_WORD."""
    from captum.attr import LayerConductance

    below = explained.below
    batch = explained.batch([one.decision])
    rule = LayerConductance(explained, below.taps[layer]).attribute
    along = partial(
        rule,
        additional_forward_args=batch.further,
        method="riemann_trapezoid",
        internal_batch_size=_rows_at_once(explained, batch, ends=2),
    )
    steps, values = FIRST_STEPS, torch.zeros(())
    while steps <= MOST_STEPS:
        there = along(batch.embedded, baselines=batch.baseline, n_steps=steps)
        back = along(batch.baseline, baselines=batch.embedded, n_steps=steps)
        values = (there - back).detach().double() / 2
        if one.is_sum(values.sum(-1).cpu().numpy()):
            break
        steps *= 2
    prompt = below.first - below.before  # vectors that the model itself puts before a text
    words = np.pad(batch.words[0], ((0, 0), (prompt, 0)), constant_values=NO_WORD)
    return values.cpu().numpy(), words
