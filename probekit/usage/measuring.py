"""Measuring: what probes, a head and a language model say before and after erasures."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from probekit.corpora.passage import Corpus
from probekit.probes.baselines import majority
from probekit.probes.evaluate import task_counts, task_scores
from probekit.probes.fit import fit_together, predict
from probekit.probes.fit_settings import FitSettings
from probekit.probes.fitted import Fitted
from probekit.probes.view import single_layers
from probekit.progress import Progress
from probekit.states.states import States
from probekit.states.vectors import Vectors
from probekit.stats.metrics import METRICS
from probekit.tasks.question import Question
from probekit.usage.erased import Erased
from probekit.usage.erasers import Erasers
from probekit.usage.erasure import CLEAN, RETRAINED
from probekit.usage.erasure_rows import Outcome, Target
from probekit.usage.head import Head
from probekit.usage.language_model import Behaving
from probekit.usage.running import Running


class Measuring:
    """Measures what erasures at some layers change for some tasks."""

    def __init__(
        self,
        states: States,
        asked: Sequence[Question],
        layers: Sequence[int],
        seeds: tuple[int, ...],
        settings: FitSettings,
        progress: Progress,
    ) -> None:
        """Train probes on the states as they are, from the lowest of the layers on."""
        self.states, self.asked, self.layers, self.seeds = states, asked, layers, seeds
        self.settings, self.progress = settings, progress
        self.read = tuple(layer for layer in states.layers if layer >= min(layers))
        (self.clean,) = self._fitted([states], self.read, seeds)
        self.targets = [_target(question, states.corpus) for question in asked]

    def retrained(self, erasers: Sequence[Erasers]) -> list[Outcome]:
        """What probes that are trained on erased states say, at the layer erased."""
        found: list[Outcome] = []
        for kind, said in zip(erasers, self._said_by_retrained(erasers), strict=True):
            for t, target in enumerate(self.targets):
                for row, layer in enumerate(self.layers):
                    before = self.clean[t].predictions[self.read.index(layer)]
                    after = said[t][row]
                    cut = kind.cut(layer)
                    found.append(Outcome(cut, target, layer, RETRAINED, before, after))
        return found

    def _said_by_retrained(self, kinds: Sequence[Erasers]) -> list[list[np.ndarray]]:
        """`(layers, seeds, n)` predictions for each kind and task; the random erasers of each seed
        have a probe of that seed. Probes of the same seeds are trained together."""
        alike: dict[tuple[int, ...], list[tuple[int, Vectors]]] = {}
        for number, kind in enumerate(kinds):
            for seeds, vectors in self._erased(kind):
                alike.setdefault(seeds, []).append((number, vectors))
        parts: list[list[list[np.ndarray]]] = [[] for _ in kinds]
        for seeds, listed in alike.items():
            fitted = self._fitted([vectors for _, vectors in listed], self.layers, seeds)
            for (number, _), of_kind in zip(listed, fitted, strict=True):
                parts[number].append([of_task.predictions for of_task in of_kind])
        return [_over_seeds(of_kind) for of_kind in parts]

    def _erased(self, kind: Erasers) -> Iterator[tuple[tuple[int, ...], Erased]]:
        """The erased states, each with the seeds of the probes that are trained on them."""
        n = len(kind.of_layers[self.layers[0]])
        for number, seeds in enumerate([self.seeds] if n == 1 else [(one,) for one in self.seeds]):
            each = {layer: kind.of_layers[layer][number] for layer in self.layers}
            yield seeds, Erased(self.states, each)

    def rerun(
        self,
        running: Running,
        erasers: Sequence[Erasers],
        head: Head | None,
        behaving: Behaving | None,
    ) -> list[Outcome]:
        """What probes trained before say of the layers from the erased one on, and the head, and
        what the language model makes of tasks of behaviour."""
        found: list[Outcome] = []
        total, done = len(self.layers) * len(erasers), 0
        for layer in self.layers:
            for kind in erasers:
                self.progress("erase", done, total)
                found += self._after(running, kind, layer)
                if head is not None:
                    found.append(_of_head(head, kind, layer))
                if behaving is not None:
                    found += _of_behaviour(behaving, kind, layer)
                done += 1
        self.progress("erase", total, total)
        return found

    def _after(self, running: Running, kind: Erasers, layer: int) -> Iterator[Outcome]:
        """What clean probes say after one erasure."""
        erasers = kind.of_layers[layer]
        parts = []
        for number, eraser in enumerate(erasers):
            said = predict(self.clean, running.after(layer, eraser), "test")
            own = slice(None) if len(erasers) == 1 else slice(number, number + 1)
            parts.append([of_task[:, own] for of_task in said])
        for t, said_of_task in enumerate(_over_seeds(parts)):
            for row in range(self.read.index(layer), len(self.read)):
                before, after = self.clean[t].predictions[row], said_of_task[row]
                target = self.targets[t]
                yield Outcome(kind.cut(layer), target, self.read[row], CLEAN, before, after)

    def _fitted(
        self, vectors: Sequence[Vectors], layers: Sequence[int], seeds: tuple[int, ...]
    ) -> list[list[Fitted]]:
        return fit_together(
            vectors,
            self.asked,
            seeds=seeds,
            settings=self.settings,
            views=single_layers(layers),
            progress=self.progress,
        )


def _over_seeds(parts: Sequence[Sequence[np.ndarray]]) -> list[np.ndarray]:
    """Predictions of each task, of all seeds: `(layers, seeds, n)`."""
    return [np.concatenate(of_task, axis=1) for of_task in zip(*parts, strict=True)]


def _of_head(head: Head, kind: Erasers, layer: int) -> Outcome:
    """What the head says after one erasure."""
    after = np.concatenate([head.said(layer, eraser) for eraser in kind.of_layers[layer]])
    before = np.broadcast_to(head.clean, after.shape)
    return Outcome(kind.cut(layer), head.target, None, "", before, after)


def _of_behaviour(behaving: Behaving, kind: Erasers, layer: int) -> Iterator[Outcome]:
    """What the language model makes of each task after one erasure."""
    of_tasks = behaving.after(layer, kind.of_layers[layer])
    for clean, target, after in zip(behaving.clean, behaving.targets, of_tasks, strict=True):
        before = np.broadcast_to(clean.values, after.shape)
        yield Outcome(kind.cut(layer), target, None, "", before, after)


def _target(question: Question, corpus: Corpus) -> Target:
    floor = float(task_scores(question, "test", majority(question, corpus)))

    def counts(predicted: np.ndarray) -> np.ndarray:
        return task_counts(question, "test", predicted)

    metric = METRICS[question.task.metric]
    n_test = len(question.splits["test"])
    return Target(question.task.name, metric, counts, floor, n_test)
