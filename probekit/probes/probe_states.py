"""Probe states: train and score the probes of one checkpoint, corpus and context."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np

from probekit.errors import InputError
from probekit.probes.evidence import EVIDENCE, OVER_KINDS, Found, Probes, check_evidence
from probekit.probes.fit_kinds import fit_kinds
from probekit.probes.fit_settings import FitSettings
from probekit.probes.fitted import Fitted
from probekit.probes.heads import head_of
from probekit.probes.plan import labels_and_trees
from probekit.probes.predictions import Answers
from probekit.probes.record import measurement_of, seconds_of
from probekit.probes.score_rows import ScoreRow
from probekit.probes.scoring import baselines, scored_probes
from probekit.probes.structural.fitted_trees import FittedTrees
from probekit.probes.structural.tree_scores import tree_scores
from probekit.progress import Progress
from probekit.results.run import Measurement
from probekit.states.layers_text import layers_text
from probekit.states.states import States
from probekit.tasks.control import control
from probekit.tasks.question import FEW, Question
from probekit.tasks.trees import TreeQuestion

NOTHING: Mapping[str, Any] = MappingProxyType({})


class Probed(NamedTuple):
    """What came of one checkpoint, corpus and context.

    Attributes:
        answers: one for each baseline, and each probe of a single layer on gold labels.
        evidence: what else was measured.
        measurement: what was read.
        warnings: one sentence each.
        trained: the probes of single layers on gold labels.
        trees: the structural ones.
    """

    answers: list[Answers]
    evidence: list[Found]
    measurement: Measurement
    warnings: list[str]
    trained: list[Fitted]
    trees: list[FittedTrees]


def probe_states(
    states: States,
    asked: Sequence[Question | TreeQuestion],
    kinds: tuple[str, ...],
    seeds: tuple[int, ...],
    settings: FitSettings,
    progress: Progress,
    evidence: Mapping[str, Any] = NOTHING,
) -> Probed:
    """Train and score probes of tasks with the context of `states`.

    Args:
        states: the vectors.
        asked: the tasks and their instances or trees.
        kinds: of probe.
        seeds: one probe per layer for each.
        settings: how probes are trained.
        progress: called with the stage, the units done and how many there are.
        evidence: what is measured besides, by names in EVIDENCE.
    """
    questions, trees = labels_and_trees(asked)
    if questions:
        check_evidence(evidence, states, questions)
    answers = [each for question in questions for each in baselines(states, question)]
    majority = {each.question.task.name: each.about for each in answers if is_majority(each.about)}
    seconds: dict[str, float] = {"extract": states.seconds}
    controls = []
    if "control" in evidence:
        # Trained in the same passes over the words as the questions.
        controls = [control(question, states.corpus) for question in questions]
    trained: list[Fitted] = []
    fitted_trees: list[FittedTrees] = []
    of_kinds: list[Probes] = []
    found: list[Found] = []
    warnings = list(states.warnings)
    if trees:
        started = time.perf_counter()
        of_trees, fitted_trees = tree_scores(
            states, trees, kinds, seeds, settings, progress, evidence
        )
        found.append(of_trees)
        warnings += of_trees.warnings
        seconds["fit and score trees"] = time.perf_counter() - started
    used = kinds if questions else ()
    every = fit_kinds(states, [*questions, *controls], used, seeds, settings, progress)
    for kind, (fits, spent) in zip(used, every, strict=True):
        if "capacity" not in evidence:
            warnings += _without_restriction(states, kind, questions)
        started = time.perf_counter()
        gold, on_controls = fits[: len(questions)], fits[len(questions) :]
        for fitted in gold:
            mine = list(scored_probes(states, fitted, settings))
            answers += mine
            rows = [each.about for each in mine]
            warnings += _without_width(states, fitted.question, rows)
            warnings += _below(majority[fitted.question.task.name], rows)
            trained.append(fitted)
        seconds[f"fit and score {kind}"] = spent + time.perf_counter() - started
        probes = Probes(states, kind, seeds, settings, gold, on_controls, progress, evidence)
        of_kinds.append(probes)
        for name in [name for name in evidence if name in EVIDENCE]:
            started = time.perf_counter()
            found.append(EVIDENCE[name](probes))
            warnings += found[-1].warnings
            seconds[f"{name} {kind}"] = time.perf_counter() - started
    found += [OVER_KINDS[name](of_kinds) for name in evidence if name in OVER_KINDS]
    seconds["extract"] = seconds_of(states)
    measured = measurement_of(states, asked, seconds)
    return Probed(answers, found, measured, warnings, trained, fitted_trees)


def is_majority(row: ScoreRow) -> bool:
    """Whether it is of the majority baseline."""
    return row.probe == "majority"


def require_restricting(model: str, dim: int, kinds: Sequence[str]) -> None:
    """Raise InputError where a probe's rank is above the width of a model's vectors."""
    for kind in kinds:
        if not head_of(kind).restricts(dim):
            raise InputError(
                f"probes='{kind}': the vectors of {model} have {dim} dimensions, and no probe has "
                f"a higher rank: give a rank of at most {dim}"
            )


def _without_restriction(states: States, kind: str, questions: Sequence[Question]) -> Iterator[str]:
    """A warning where a probe's rank is not below that of a linear probe."""
    for question in questions:
        labels = len(question.classes)
        if not head_of(kind).restricts(states.dim, labels):
            yield (
                f"{kind}: a linear probe of {question.task.name} ({labels} labels, {states.dim} "
                f"dimensions) has rank {min(labels, states.dim)} at most, so {kind} is no more "
                "restricted than linear"
            )


def _below(majority: ScoreRow, rows: list[ScoreRow]) -> Iterator[str]:
    """A warning where probes, in the mean over seeds, score below the majority baseline."""
    scores: dict[int | None, list[float]] = {}
    for row in rows:
        scores.setdefault(row.layer, []).append(row.score)
    layers = [str(layer) for layer, each in scores.items() if np.mean(each) < majority.score]
    if layers:
        yield (
            f"{majority.task}: {rows[0].probe} probes of {majority.model} on '{majority.corpus}' "
            f"score below the majority baseline ({majority.score:.3f}) at {layers_text(layers)}"
        )


def _without_width(states: States, question: Question, rows: list[ScoreRow]) -> Iterator[str]:
    """A warning where every resample has the same score.

    Where sentences or documents are few, the task's own warning covers it.
    """
    test = question.splits["test"]
    if test.n_groups >= FEW and any(row.ci_low == row.ci_high for row in rows):
        yield (
            f"{question.task.name}: where an interval on '{states.corpus.name}' has no width, "
            f"nothing varied among the {test.n_groups:,} test {question.resampled}s: "
            "that does not make the score certain"
        )
