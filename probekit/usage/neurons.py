"""Neurons: which dimensions of a layer tell of a task, and whether the model needs them."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from probekit import doors
from probekit.corpora.passage import Corpus
from probekit.errors import InputError
from probekit.models.loaded import LoadedModel, as_loaded
from probekit.probes.arguments import Seeds, TaskNames, check_settings, reading
from probekit.probes.fit import predict
from probekit.probes.fit_settings import FitSettings, fit_settings_of
from probekit.probes.identity import name_of
from probekit.probes.record import fit_facts, measurement_of, versions
from probekit.progress import Progress, reporting
from probekit.results.run import Run
from probekit.states.settings import ExtractSettings
from probekit.states.states import States
from probekit.tasks.question import Question
from probekit.tasks.task import Task
from probekit.usage.ablation import WAYS, ablation
from probekit.usage.ablation_rows import Ablated, ablation_rows
from probekit.usage.asked import Asked, Request, asked_of
from probekit.usage.instance_vectors import instance_vectors
from probekit.usage.measuring import Measuring
from probekit.usage.neuron_curve import Fitting, Orders, curve_rows
from probekit.usage.neuron_overlap import Others, Ranked, overlap_rows
from probekit.usage.neurons_found import (
    ABLATION,
    CURVE,
    NEURONS,
    OVERLAP,
    RANDOM,
    AblationRow,
    CurveRow,
    NeuronRow,
    Neurons,
    OverlapRow,
)
from probekit.usage.packages import require_package
from probekit.usage.rankings import RANKINGS, importance, ranked
from probekit.usage.running import Running

TENTH = 10
LEAST_DRAWS = 5
"""Of random neurons: how much these differ is part of whether the first ones do more."""


@reporting
def neurons(  # noqa: PLR0913 - a public verb
    model: str | Path | LoadedModel,
    task: str | Path | Task,
    tasks: TaskNames = (),
    *,
    corpus: str | Path | Corpus | None = None,
    against: str | Path | LoadedModel | None = None,
    top: int | None = None,
    seeds: Seeds = 1,
    extract_settings: ExtractSettings | None = None,
    fit_settings: FitSettings | None = None,
    allow_modified: bool = False,
    progress: Progress | bool = True,
    **options: Any,
) -> Neurons:
    """Rank the neurons of layers by how much they tell of a task, and ablate the first ones.

    Three rankings: weights of an elastic net, differences of means (probeless), and mutual
    information. For each it is measured how few neurons keep 95% of the score, how many of the
    first ones it shares with other tasks and another checkpoint, and what ablating them in the
    running model breaks, beside as many random neurons.

    Args:
        model: a checkpoint: a name, a path, or a loaded transformers model.
        task: what neurons tell of: a task whose linear probes read words or means of words.
        tasks: other tasks, whose first neurons are compared with those of the task.
        corpus: the text: a name, a path or a Corpus; by default that of the task.
        against: another checkpoint of the same width, whose first neurons are compared.
        top: how many of the first neurons are listed, compared and ablated; by default a tenth.
        seeds: of probes: their number, or the seeds. There are at least five draws of random
            neurons.
        extract_settings: how the checkpoint is read; `layers` are those whose neurons are ranked,
            by default all.
        fit_settings: how probes are trained.
        allow_modified: accept corpus files that differ from their checksum.
        progress: True for bars on standard error, False for silence, or a function that is called
            with the stage, the units done and the number of units.
        options: change single fields of `extract_settings` (`layers=(0, 6)` …).

    Returns rankings, scores by the number of neurons, overlaps and ablations.

    Raises InputError for a model without layers that compute one another, a task that is not linear
    in its words, a layer that is not there, and more neurons than there are; TaskError where the
    corpus cannot carry a task.
    """
    started = time.perf_counter()
    report = doors.function("progress", progress)
    numbers = doors.seeds("seeds", seeds)
    settings = reading(neurons, extract_settings, options) or ExtractSettings()
    check_settings(fit_settings, allow_modified)
    if top is not None:
        doors.at_least_one("top", top)
    if against is not None:
        doors.of_type("against", as_loaded(against), (str, Path, LoadedModel))
    require_package("scikit-learn", "neurons")
    asked = asked_of(Request(model, task, tasks, corpus), settings, allow_modified, report)
    first = _first(top, asked)
    other = None
    if against is not None:
        other = asked_of(Request(against, task, (), asked.corpus), settings, False, report)
        _require_same_width(asked, other)
    case = _Case(asked, first, numbers, fit_settings_of(fit_settings, settings), report)
    tables, states = case.tables()
    if other is not None:
        case.compare_with(other, tables)
    run = Run(
        versions=versions(),
        settings={
            **fit_facts(("linear",), numbers, case.settings),
            "layers": asked.layers,
            "top": first,
        },
        seconds={"all": time.perf_counter() - started},
        measurements=(measurement_of(states, asked.questions, {"extract": states.seconds}),),
    )
    return Neurons(
        NEURONS.table(tables.neurons),
        CURVE.table(tables.curve),
        ablation=ABLATION.table(tables.ablation),
        overlap=OVERLAP.table(tables.overlap),
        run=run,
        warnings=(*asked.warnings, *states.warnings, *_last(asked, states)),
    )


def _last(asked: Asked, states: States) -> list[str]:
    """A warning where neurons of the last layer are not ablated."""
    last = states.n_layers - 1
    if last not in asked.layers:
        return []
    return [f"neurons of layer {last}, the last, are ranked and not ablated: no layer reads them"]


def _first(top: int | None, asked: Asked) -> int:
    """How many neurons are the first ones."""
    dim = asked.model.dim
    if top is None:
        return max(1, dim // TENTH)
    if top >= dim:
        raise InputError(
            f"top={top}: '{asked.model.name}' has {dim} neurons in a layer, give fewer"
        )
    return top


def _require_same_width(asked: Asked, other: Asked) -> None:
    if asked.model.dim != other.model.dim:
        raise InputError(
            f"against: '{other.model.name}' has {other.model.dim} neurons in a layer, and "
            f"'{asked.model.name}' {asked.model.dim}: only the same neurons can be compared"
        )


@dataclass
class _Tables:
    """The rows of each table."""

    neurons: list[NeuronRow]
    curve: list[CurveRow]
    ablation: list[AblationRow]
    overlap: list[OverlapRow]


class _Case:
    """One checkpoint and text."""

    def __init__(
        self,
        asked: Asked,
        first: int,
        seeds: tuple[int, ...],
        settings: FitSettings,
        progress: Progress,
    ) -> None:
        self.asked, self.first, self.seeds = asked, first, seeds
        self.settings, self.progress = settings, progress
        self.about = {"model": asked.model.name, "corpus": name_of(asked.corpus)}
        self._ranked: Ranked = {}

    def tables(self) -> tuple[_Tables, States]:
        """The rows of all tables, and the states."""
        states = self.asked.states(self.progress)
        self._ranked = _rankings(states, self.asked.questions[0], self.asked.layers, self.progress)
        overlap: list[OverlapRow] = []
        for question in self.asked.questions[1:]:
            overlap += self._overlap(states, question, self.about["model"])
        found = _Tables(list(self._neurons()), self._curve(states), self._ablation(states), overlap)
        return found, states

    def compare_with(self, other: Asked, tables: _Tables) -> None:
        """Add the overlap with another checkpoint's neurons."""
        states = other.states(self.progress)
        tables.overlap += self._overlap(states, other.questions[0], other.model.name)

    def _neurons(self) -> Iterator[NeuronRow]:
        question = self.asked.questions[0]
        for (layer, method), found in self._ranked.items():
            named = [("", found.overall), *zip(question.classes, found.of_labels, strict=True)]
            for label, values in named:
                for place, neuron in enumerate(ranked(values)[: self.first].tolist(), start=1):
                    yield NeuronRow(
                        **self._of_task(),
                        layer=layer,
                        method=method,
                        label=label,
                        ranking_place=place,
                        neuron=neuron,
                        importance=float(values[neuron]),
                    )

    def _curve(self, states: States) -> list[CurveRow]:
        orders: Orders = {}
        for layer in self.asked.layers:
            for method in (*RANKINGS, RANDOM):
                orders[layer, method] = self._order(layer, method)
        fitting = Fitting(self.seeds, self.settings, self.progress)
        return list(curve_rows(states, self.asked.questions[0], orders, fitting, self._of_task()))

    def _order(self, layer: int, method: str) -> np.ndarray:
        """All neurons of a layer in the order of a ranking, or at random."""
        if method == RANDOM:
            return self._drawn(layer, None)
        return ranked(self._ranked[layer, method].overall)

    def _drawn(self, layer: int, draw: int | None) -> np.ndarray:
        """All neurons of a layer in random order: that of the curve, or of a draw to ablate."""
        turn, number = (0, None) if draw is None else divmod(draw, len(self.seeds))
        seed = 0 if number is None else 1 + self.seeds[number]
        start = [seed, layer, turn] if turn else [seed, layer]
        return np.random.default_rng(start).permutation(self.asked.model.dim)

    def _overlap(self, states: States, question: Question, model: str) -> list[OverlapRow]:
        """What the task shares with another, or with itself in another model."""
        about = {**self._of_task(), "other_model": model, "other_task": question.task.name}
        layers = self.asked.layers
        others = Others(
            _rankings(states, question, layers, self.progress),
            _rankings(states, question, layers, self.progress, shuffled=True),
        )
        return list(overlap_rows(self._ranked, others, self.first, about))

    def _of_task(self) -> dict[str, str]:
        """The columns that identify the model, the text and the task."""
        return {**self.about, "task": self.asked.questions[0].task.name}

    def _ablation(self, states: States) -> list[AblationRow]:
        """What clean probes say without the first neurons of each ranking, or random ones.

        They read the layers above: at the layer itself neurons that are set leave the subspace that
        a norm has put all states into, on which a probe was never trained.
        """
        layers = [layer for layer in self.asked.layers if layer < states.n_layers - 1]
        if not layers:
            return []
        question = self.asked.questions[:1]
        case = Measuring(states, question, layers, self.seeds, self.settings, self.progress)
        found: list[Ablated] = []
        try:
            running = Running(self.asked.model, states)
            for number, layer in enumerate(layers):
                self.progress("ablate", number, len(layers))
                found += self._of_layer(case, running, layer)
            self.progress("ablate", len(layers), len(layers))
        finally:
            self.asked.model.release()
        return ablation_rows(found, case.targets[0], self.about)

    def _of_layer(self, case: Measuring, running: Running, layer: int) -> Iterator[Ablated]:
        words = case.states.numpy("train", layer)
        before = case.clean[0].predictions
        n_seeds = len(self.seeds)
        turns = math.ceil(LEAST_DRAWS / n_seeds)

        def said(way: str, order: np.ndarray) -> np.ndarray:
            change = ablation(way, order[: self.first], words)
            return predict(case.clean, running.after(layer, change), "test")[0]

        for way in WAYS:
            drawn = []
            for draw in range(turns * n_seeds):
                seed = draw % n_seeds
                of_draw = said(way, self._drawn(layer, draw))
                drawn.append(of_draw[:, seed : seed + 1])
            random = np.concatenate(drawn, axis=1)
            for method in RANKINGS:
                without = said(way, self._order(layer, method))
                for read_at in dict.fromkeys((layer + 1, case.read[-1])):
                    row = case.read.index(read_at)
                    own = (np.tile(one[row], (turns, 1)) for one in (before, without))
                    each = np.stack([*own, random[row]])
                    yield Ablated(layer, method, way, self.first, read_at, n_seeds, each)


def _rankings(
    states: States,
    question: Question,
    layers: Sequence[int],
    progress: Progress,
    *,
    shuffled: bool = False,
) -> Ranked:
    """What neurons tell of a task at each layer, by each method; or of its labels shuffled."""
    labels = question.splits["train"].labels
    if shuffled:
        labels = np.random.default_rng(0).permutation(labels)
    found: Ranked = {}
    for number, layer in enumerate(layers):
        progress("rank neurons", number, len(layers))
        parts = instance_vectors(states, question, layer)
        for method in RANKINGS:
            found[layer, method] = importance(method, parts, labels, len(question.classes))
    progress("rank neurons", len(layers), len(layers))
    return found
