"""Readings: what a saved probe, its repaired form and retrained ones say of test instances."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from probekit.corpora.passage import Corpus
from probekit.forgetting.floor import floor_score
from probekit.probes.answers import counts, mean_scores
from probekit.probes.saved.outputs import outputs
from probekit.probes.saved.saved_probe import SavedProbe
from probekit.states.states import States
from probekit.stats.detection import Detection, detection
from probekit.stats.metrics import METRICS
from probekit.stats.noninferiority import Change, error_at_margin
from probekit.stats.paired import difference, resampling
from probekit.tasks.question import Question

BEFORE, AS_IT_IS, FIXED, ANEW, CONTROL = "before", "as it is", "repaired", "retrained", "control"
TESTS = ((AS_IT_IS, BEFORE), (FIXED, BEFORE), (ANEW, BEFORE), (ANEW, CONTROL))
"""Each reading that is tested, and what it is compared with, in the order of `Verdicts`."""


@dataclass(frozen=True)
class Readings:
    """The readings of one saved probe.

    Attributes:
        probe: the saved one.
        question: its task, and the instances.
        outputs: for each reading, the test instances' outputs `(n, classes)`, in the order of the
            probe's classes.
        is_same: whether the two checkpoints are one, by their fingerprints.
    """

    probe: SavedProbe
    question: Question
    outputs: dict[str, np.ndarray]
    is_same: bool

    def predictions(self, reading: str) -> np.ndarray:
        """The labels given, `(n,)`, as indices of the question's classes."""
        places = [self.question.classes.index(label) for label in self.probe.classes]
        return np.array(places)[self.outputs[reading].argmax(axis=1)]

    def score(self, reading: str) -> float:
        """By the task's metric."""
        (score,) = mean_scores(self.question, "test", self.predictions(reading)[None, None])
        return float(score)

    def majority(self, corpus: Corpus) -> float:
        """Score of always saying the most frequent training label."""
        return floor_score(self.question, corpus, "majority")

    @property
    def groups(self) -> int:
        """Test sentences or documents."""
        return len(np.unique(self.question.splits["test"].groups))

    def change(self, reading: str, since: str, margin: float) -> Change:
        """The change of a score, with its interval over test sentences, and the margin."""
        both = [self.predictions(name)[None, None] for name in (since, reading)]
        first, second = counts(self.question, "test", both)
        shared = resampling(first.shape[2], permutations=0)
        metric = METRICS[self.question.task.metric]
        found = difference(metric, first, second, shared)
        # One checkpoint is equal to itself, however few the instances.
        alike = self.is_same and np.array_equal(both[0], both[1])
        return Change(
            value=float(found.value[0]),
            low=float(found.low[0]),
            high=float(found.high[0]),
            margin=margin,
            sentences=first.shape[2],
            least_error=0.0 if alike else error_at_margin(margin, self._lost_over()),
            most=metric.largest_difference,
        )

    def _lost_over(self) -> int:
        """Over how many test instances a loss is spread: all; of F1 as many as have the rarest
        label, of macro F1 as many for each label."""
        labels = self.question.splits["test"].labels
        metric, task = self.question.task.metric, self.question.task
        if metric == "accuracy":
            return len(labels)
        if metric == "f1":
            return max(1, int((labels == self.question.classes.index(task.positive)).sum()))
        _, frequency = np.unique(labels, return_counts=True)
        return min(len(labels), int(len(frequency) * frequency.min()))

    def detection(self) -> dict[str, Detection]:
        """Of two classes: how well each reading of BEFORE, AS_IT_IS, FIXED and ANEW detects the
        positive one; empty with more classes."""
        if not self.probe.positive:
            return {}
        place = self.probe.classes.index(self.probe.positive)
        test = self.question.splits["test"]
        names = (BEFORE, AS_IT_IS, FIXED, ANEW)
        scores = []
        for name in names:
            of_two = self.outputs[name].astype(np.float64)
            scores.append(of_two[:, place] - of_two[:, 1 - place])
        found = detection(scores, self.is_positive, test.groups)
        return dict(zip(names, found, strict=True))

    @property
    def is_positive(self) -> np.ndarray:
        """Which test instances have the positive label, `(n,)`."""
        found = self.question.splits["test"].labels == self.question.classes.index(
            self.probe.positive
        )
        return np.asarray(found)


def readings(
    probe: SavedProbe,
    forms: dict[str, SavedProbe],
    states: tuple[States, States],
    question: Question,
    is_same: bool,
) -> Readings:
    """Everything that is read of one saved probe.

    Args:
        probe: the saved one.
        forms: FIXED and ANEW of the checkpoint after, and CONTROL of the one before.
        states: of the checkpoint before and the one after.
        question: its task, and the instances.
        is_same: whether the two checkpoints are one.
    """
    before, after = states
    found = {}
    for name, form, read in (
        (BEFORE, probe, before),
        (AS_IT_IS, probe, after),
        (FIXED, forms[FIXED], after),
        (ANEW, forms[ANEW], after),
        (CONTROL, forms[CONTROL], before),
    ):
        given = outputs(form, read, question, "test")
        order = [form.classes.index(label) for label in probe.classes]
        found[name] = given[:, order]
    return Readings(probe, question, found, is_same)
