"""Evidence: what can be measured beside scores, so that a score can be defended.

Each kind is one entry: a function over trained probes of one kind, or of all kinds.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from probekit.errors import InputError
from probekit.probes.beyond import beyond_rows, require_given
from probekit.probes.capacity import capacity_rows
from probekit.probes.codelength import codelength, joined_codes, require_enough
from probekit.probes.codelength_rows import code_rows, curve_rows
from probekit.probes.fit import fit
from probekit.probes.fit_settings import FitSettings
from probekit.probes.fitted import Fitted
from probekit.probes.heads import head_of
from probekit.probes.in_turn import in_turn
from probekit.probes.interval_rows import interval_rows
from probekit.probes.mix_rows import cumulative_scores, differential_rows, mix_rows, share_rows
from probekit.probes.refits import with_refits
from probekit.probes.score_rows import ScoreRow
from probekit.probes.scoring import about_probes, scored_probes
from probekit.probes.seen_rows import seen_rows
from probekit.probes.selectivity import selectivity_rows
from probekit.probes.view import cumulative_mixes
from probekit.progress import Progress, as_part
from probekit.states.beside import Beside
from probekit.states.states import States
from probekit.tasks.question import Question
from probekit.tasks.types import types_of


@dataclass(frozen=True)
class Probes:
    """Trained probes of one kind, and what they were trained on.

    Attributes:
        states: the vectors.
        kind: of probe.
        seeds: the seeds.
        settings: how they were trained.
        gold: the probes of each question, of single layers.
        controls: those of the questions' controls; empty unless these were asked for.
        progress: called with the stage, the units done and how many there are.
        asked: what `probe` was asked for, by the names in EVIDENCE.
    """

    states: States
    kind: str
    seeds: tuple[int, ...]
    settings: FitSettings
    gold: Sequence[Fitted]
    controls: Sequence[Fitted]
    progress: Progress
    asked: Mapping[str, Any]

    def about(self, fitted: Fitted) -> dict[str, Any]:
        """The columns that identify the model, the task, the corpus and the fit."""
        return about_probes(self.states, fitted, self.settings)

    def rows(self, fitted: Fitted) -> list[ScoreRow]:
        """Rows of scores.csv."""
        return [each.about for each in scored_probes(self.states, fitted, self.settings)]


@dataclass(frozen=True)
class Found:
    """What a kind of evidence adds to the results.

    Attributes:
        rows: of scores.csv.
        tables: rows of other tables, by the name of the field of Scores.
        warnings: one sentence each.
    """

    rows: list[ScoreRow] = field(default_factory=list)
    tables: dict[str, list[Any]] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)


def _seen(probes: Probes) -> Found:
    """Scores by kinds of test instances."""
    found = Found(tables={"seen": []})
    for gold in probes.gold:
        about = probes.about(gold)
        rows = seen_rows(gold, probes.states.corpus, {**about, "test_corpus": about["corpus"]})
        found.tables["seen"] += rows
    return found


def _control(probes: Probes) -> Found:
    """Scores on control tasks, and selectivity."""
    found = Found(tables={"selectivity": []})
    for gold, control in zip(probes.gold, probes.controls, strict=True):
        found.rows.extend(probes.rows(control))
        known = types_of(gold.question, probes.states.corpus).share_in_training()
        rows = selectivity_rows(gold, control, known, probes.about(gold))
        found.tables["selectivity"] += rows
    return found


def _codelength(probes: Probes) -> Found:
    """Codes of gold labels, and of control labels where these were asked for."""
    found = Found(tables={"codelengths": [], "learning_curves": []})
    questions = [fitted.question for fitted in (*probes.gold, *probes.controls)]
    parts = []
    for vectors, views in in_turn(probes.states):
        codes = codelength(
            vectors,
            questions,
            probe=probes.kind,
            seeds=probes.seeds,
            settings=probes.settings,
            views=views,
            progress=probes.progress,
        )
        parts.append(codes)
    codes = [joined_codes(of_question) for of_question in zip(*parts, strict=True)]
    for code, fitted in zip(codes, (*probes.gold, *probes.controls), strict=True):
        found.tables["codelengths"] += code_rows(code, probes.about(fitted))
        found.tables["learning_curves"] += curve_rows(code, probes.about(fitted))
    return found


def _mix(probes: Probes) -> Found:
    """Mixes of layers 0 to k, for every k."""
    found = Found(tables={"mixes": [], "differential": [], "mix_shares": []})
    fits = fit(
        probes.states,
        [fitted.question for fitted in probes.gold],
        probe=probes.kind,
        seeds=probes.seeds,
        settings=probes.settings,
        views=cumulative_mixes(probes.states.layers),
        progress=as_part(probes.progress, "mix"),
    )
    for gold, mixes in zip(probes.gold, fits, strict=True):
        found.rows.extend(probes.rows(mixes))
        about, cumulative = probes.about(gold), cumulative_scores(gold, mixes)
        rows, warnings = mix_rows(gold, mixes, cumulative, about)
        found.tables["mixes"] += rows
        found.tables["differential"] += differential_rows(gold, mixes, cumulative, about)
        found.tables["mix_shares"] += share_rows(mixes, probes.states.layers, about)
        found.warnings.extend(warnings)
    return found


def _beyond(probes: Probes) -> Found:
    """Bits that each layer adds to those of a given one."""
    found = Found(tables={"beyond": []})
    given = probes.asked["beyond"]
    fits = fit(
        Beside(probes.states, given),
        [fitted.question for fitted in probes.gold],
        probe=probes.kind,
        seeds=probes.seeds,
        settings=probes.settings.for_probabilities(),
        progress=as_part(probes.progress, "beyond"),
    )
    for fitted in fits:
        found.tables["beyond"] += beyond_rows(fitted, given, probes.about(fitted))
    return found


def _resample_train(probes: Probes) -> Found:
    """Intervals that also cover the training sentences and the seeds."""
    found = Found(tables={"intervals": []})
    resamples = probes.asked["resample_train"]
    (refitted,) = with_refits(
        [probes.gold], [probes.states], resamples, probes.settings, probes.progress
    )
    for fitted in refitted:
        found.tables["intervals"] += interval_rows(fitted, probes.about(fitted))
    return found


def _capacity(several: Sequence[Probes]) -> Found:
    """Scores against the number of parameters.

    A rank that restricts nothing is left out: it has more parameters than `linear`, and tells the
    same labels apart.
    """
    found = Found(tables={"capacity": []})
    for kinds in zip(*(probes.gold for probes in several), strict=True):
        dim, labels = several[0].states.dim, len(kinds[0].question.classes)
        used = [fitted for fitted in kinds if head_of(fitted.head).restricts(dim, labels)]
        found.tables["capacity"] += capacity_rows(used, several[0].about(kinds[0]))
    return found


def check_evidence(asked: Mapping[str, Any], states: States, questions: Sequence[Question]) -> None:
    """Before any work: raise InputError for a mix of one layer and for a layer that is not read to
    go beyond, TaskError for too few instances."""
    if "mix" in asked and len(states.layers) < 2:
        raise InputError(
            f"`mix` needs at least two layers: of {states.model} only layer {states.layers[0]} is "
            "read"
        )
    if "codelength" in asked:
        require_enough(questions)
    if "beyond" in asked:
        require_given(states, asked["beyond"])


EVIDENCE: Mapping[str, Callable[[Probes], Found]] = {
    "seen": _seen,
    "control": _control,
    "codelength": _codelength,
    "mix": _mix,
    "beyond": _beyond,
    "resample_train": _resample_train,
}

OVER_KINDS: Mapping[str, Callable[[Sequence[Probes]], Found]] = {"capacity": _capacity}
"""Likewise over probes of all kinds."""
