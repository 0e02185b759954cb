"""Online: the probes of one stack, trained on one part of the training split after another.

Each part holds the one before it. Its probes begin with the weights that were chosen there, so that
they need not read a part as often as probes that begin with nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np

from probekit.corpora.passage import SPLITS, Split
from probekit.engine.engine import Report
from probekit.engine.workers import at_once
from probekit.probes.batches import Runs
from probekit.probes.calibrated import calibrated
from probekit.probes.evaluate import Evaluated, evaluate
from probekit.probes.fit_settings import FitSettings
from probekit.probes.heads import Head
from probekit.probes.rounds import Rounds
from probekit.probes.scaling import Scaling
from probekit.probes.schedule import Schedule
from probekit.probes.stack import Stack
from probekit.probes.stack_plan import StackPlan
from probekit.probes.training import Training, can_whiten, layers_of, untrained
from probekit.probes.whitened import MOST_BYTES, whitened
from probekit.states.part import Taken, part_of
from probekit.states.vectors import Vectors
from probekit.tasks.question import Question

# Of a part so small that a probe of it alone codes its block better. With few words it matters more
# that directions of large variance tend to be the useful ones than what has been learned so far.
ANEW_WORDS = 256
WHITENED_WORDS = 32_768  # of the small parts, which are read many times


@dataclass(frozen=True)
class Step:
    """A part of the training split, and the block that its probes label.

    Attributes:
        taken: the passages of `train` (the part), `dev` (a choice, the same in every step) and
            `test` (the block, from the training split).
        vectors: of these.
        questions: the tasks over these.
    """

    taken: Mapping[Split, Taken]
    vectors: Vectors
    questions: Sequence[Question]

    def n_words(self) -> int:
        """Words of all three."""
        return sum(int(self.vectors.corpus.offsets(split)[-1]) for split in SPLITS)


@dataclass(frozen=True)
class Online:
    """Trains stacks of probes, each in one thread; it is the `Work` of an engine.

    Attributes:
        states: what is read.
        questions: the tasks, with all their instances.
        steps: the parts, each of which holds the one before it and its block.
        head: the kind of probe.
        settings: how probes are trained.
    """

    states: Vectors
    questions: tuple[Question, ...]
    steps: tuple[Step, ...]
    head: Head
    settings: FitSettings
    one_thread: bool = True

    def run(self, jobs: Sequence[StackPlan], report: Report) -> list[list[list[Evaluated]]]:
        """What the probes of each stack make of the block of each step, by question.

        Raises ModelError for states that are not finite.
        """
        trainings = [_OfStack(self, plan).run for plan in jobs]
        return at_once(self.settings.where(), trainings, report)


class _OfStack:
    """The probes of one stack, which are trained in the worker."""

    def __init__(self, work: Online, plan: StackPlan) -> None:
        self.states, self.questions, self.steps = work.states, work.questions, work.steps
        self.plan, self.head, self.settings = plan, work.head, work.settings
        self.layers = layers_of(plan.views)

    def run(self, progress: Callable[[float], None]) -> list[list[Evaluated]]:
        """What the probes of each step make of its block, for each task of the stack."""
        stack = self._untrained()
        scales, small = stack.scaling, self._small_steps(stack)
        white = self._white(small[-1], scales) if small else self.states
        found = []
        for number, step in enumerate(self.steps):
            vectors, stack.scaling = step.vectors, scales
            if number < len(small):
                vectors = part_of(white, _within(step.taken, small[-1].taken))
                stack.scaling = scales.of_whitened()
            train, dev, test = (self._runs(vectors, step.questions, split) for split in SPLITS)
            schedule = Schedule.going_on(train.n_words, self.settings)
            asked = self._of_stack(step.questions)
            rounds = Rounds(stack, asked, train, dev, self.layers, self.settings, schedule)
            if number:
                rounds.consider(0)  # as it began
            rounds.run(partial(self._tell, progress, number))
            if train.n_words < ANEW_WORDS:
                found.append(self._anew(step))
            else:
                factors = calibrated(stack, dev, self.layers)
                found.append(evaluate(stack, test, self.layers, factors))
        return found

    def _tell(self, progress: Callable[[float], None], number: int, done: float) -> None:
        """Tell the share of all steps that is done, from that of one of them."""
        progress((number + done) / len(self.steps))

    def _anew(self, step: Step) -> list[Evaluated]:
        """What probes make of a block that are trained on its part alone, in coordinates of it.

        A probe that is worse on dev than the uniform code sends that.
        """
        asked = self._of_stack(step.questions)
        plan, head = self.plan, self.head
        training = Training(step.vectors, asked, head, plan.views, plan.seeds, self.settings)
        fits = training.run(lambda done: None)
        found = []
        for fitted in fits:
            uniform = np.log(len(fitted.question.classes))
            is_worse = fitted.dev_loss > uniform
            losses = np.where(
                is_worse[..., None] & ~np.isnan(fitted.losses), uniform, fitted.losses
            )
            found.append(Evaluated(losses.astype(fitted.losses.dtype), fitted.predictions))
        return found

    def _untrained(self) -> Stack:
        """The probes as they begin, in coordinates of all training words.

        Who receives the labels has all the vectors.
        """
        train = self._runs(self.states, self.questions, "train")
        asked, device = self._of_stack(self.questions), self.settings.where()
        return untrained(train, asked, self.head, self.plan.views, self.plan.seeds, device)

    def _of_stack(self, questions: Sequence[Question]) -> list[Question]:
        return [questions[t] for t in self.plan.questions]

    def _runs(self, vectors: Vectors, questions: Sequence[Question], split: Split) -> Runs:
        instances = [question.splits[split] for question in self._of_stack(questions)]
        return Runs(vectors, split, instances)

    def _small_steps(self, stack: Stack) -> list[Step]:
        """The first steps, whose words are kept in the coordinates of the probes."""
        most = min(WHITENED_WORDS, MOST_BYTES // (4 * self.states.dim))
        if not can_whiten(stack, self.plan.views):
            most = 0
        return [step for step in self.steps if step.n_words() <= most]

    def _white(self, last: Step, scales: Scaling) -> Vectors:
        """The words of small steps in these coordinates: those of the last one, which has all."""
        return whitened(part_of(self.states, _all_of(last.taken)), self.layers, scales)


def _all_of(taken: Mapping[Split, Taken]) -> dict[Split, Taken]:
    """The part and its block as one training split."""
    both = np.union1d(taken["train"].passages, taken["test"].passages)
    nothing = Taken("train", both[:0])
    return {"train": Taken("train", both), "dev": taken["dev"], "test": nothing}


def _within(taken: Mapping[Split, Taken], last: Mapping[Split, Taken]) -> dict[Split, Taken]:
    """The same passages, by their numbers among those of `_all_of(last)`."""
    whole = _all_of(last)
    found: dict[Split, Taken] = {}
    for split, (source, passages) in taken.items():
        found[split] = Taken(source, np.searchsorted(whole[source].passages, passages))
    return found
