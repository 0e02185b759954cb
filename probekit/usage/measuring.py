"""Measuring: what probes and a head say before and after erasures."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from probekit.corpora.passage import Corpus
from probekit.probes.baselines import majority
from probekit.probes.evaluate import task_counts, task_scores
from probekit.probes.fit import fit, predict
from probekit.probes.fit_settings import FitSettings
from probekit.probes.fitted import Fitted
from probekit.progress import Progress
from probekit.states.states import States
from probekit.states.vectors import Vectors
from probekit.stats.metrics import METRICS
from probekit.tasks.question import Question
from probekit.usage.erased import Erased
from probekit.usage.eraser import Eraser
from probekit.usage.erasers import Erasers
from probekit.usage.erasure import CLEAN, RETRAINED
from probekit.usage.erasure_rows import Outcome, Target
from probekit.usage.head import Head
from probekit.usage.running import Running


class Measuring:
    """Measures what erasures change for some tasks."""

    def __init__(
        self,
        states: States,
        asked: Sequence[Question],
        seeds: tuple[int, ...],
        settings: FitSettings,
        progress: Progress,
    ) -> None:
        """Train probes on the states as they are."""
        self.states, self.asked, self.seeds = states, asked, seeds
        self.settings, self.progress = settings, progress
        self.clean = self._fitted(states, seeds)
        self.targets = [_target(question, states.corpus) for question in asked]

    def retrained(self, erasers: Sequence[Erasers]) -> list[Outcome]:
        """What probes that are trained on erased states say, at the layer erased."""
        found: list[Outcome] = []
        for kind in erasers:
            layers = tuple(kind.of_layers)
            n = len(kind.of_layers[layers[0]])
            seeds = [self.seeds] if n == 1 else [(seed,) for seed in self.seeds]
            parts: list[list[Fitted]] = []
            for number, own in enumerate(seeds):
                each = {layer: kind.of_layers[layer][number] for layer in layers}
                parts.append(self._fitted(Erased(self.states, each), own))
            for t, target in enumerate(self.targets):
                said = np.concatenate([part[t].predictions for part in parts], axis=1)
                for layer in layers:
                    row = self.states.layers.index(layer)
                    before = self.clean[t].predictions[row]
                    rank = kind.of_layers[layer][0].rank
                    found.append(
                        Outcome(layer, kind.name, rank, target, layer, RETRAINED, before, said[row])
                    )
        return found

    def rerun(
        self, running: Running, erasers: Sequence[Erasers], layers: Sequence[int], head: Head | None
    ) -> list[Outcome]:
        """What probes trained before say of the layers from the erased one on, and the head."""
        found: list[Outcome] = []
        head_before = head.said() if head else None
        total, done = len(layers) * len(erasers), 0
        for layer in layers:
            for kind in erasers:
                self.progress("erase", done, total)
                done += 1
                each = kind.of_layers[layer]
                said = self._said(running, layer, each)
                for t, target in enumerate(self.targets):
                    for row in range(self.states.layers.index(layer), len(self.states.layers)):
                        before, after = self.clean[t].predictions[row], said[t][row]
                        read_at = self.states.layers[row]
                        found.append(
                            Outcome(
                                layer,
                                kind.name,
                                each[0].rank,
                                target,
                                read_at,
                                CLEAN,
                                before,
                                after,
                            )
                        )
                if head is not None and head_before is not None:
                    after = np.concatenate([head.said(layer, eraser) for eraser in each])
                    before = np.broadcast_to(head_before, after.shape)
                    found.append(
                        Outcome(
                            layer, kind.name, each[0].rank, head.target, None, "", before, after
                        )
                    )
        self.progress("erase", total, total)
        return found

    def _said(self, running: Running, layer: int, erasers: Sequence[Eraser]) -> list[np.ndarray]:
        """`(layers, seeds, n)` predictions for each task; of several erasers, each by the probe of
        its seed."""
        if len(erasers) == 1:
            return predict(self.clean, running.after(layer, erasers[0]), "test")
        parts = []
        for number, eraser in enumerate(erasers):
            every = predict(self.clean, running.after(layer, eraser), "test")
            parts.append([said[:, number : number + 1] for said in every])
        return [np.concatenate(of_task, axis=1) for of_task in zip(*parts, strict=True)]

    def _fitted(self, vectors: Vectors, seeds: tuple[int, ...]) -> list[Fitted]:
        return fit(vectors, self.asked, seeds=seeds, settings=self.settings, progress=self.progress)


def _target(question: Question, corpus: Corpus) -> Target:
    floor = float(task_scores(question, "test", majority(question, corpus)))

    def counts(predicted: np.ndarray) -> np.ndarray:
        return task_counts(question, "test", predicted)

    metric = METRICS[question.task.metric]
    n_test = len(question.splits["test"])
    return Target(question.task.name, metric, counts, floor, n_test)
