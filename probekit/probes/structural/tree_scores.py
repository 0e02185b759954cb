"""Tree scores: what structural probes and baselines add to the results of one checkpoint."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from probekit.probes import identity
from probekit.probes.capacity import CapacityRow, capacity_rows
from probekit.probes.codelength import joined_codes
from probekit.probes.codelength_rows import code_rows, curve_rows
from probekit.probes.evidence import Found
from probekit.probes.fit_settings import FitSettings
from probekit.probes.in_turn import in_turn
from probekit.probes.interval_rows import interval_rows
from probekit.probes.scoring import about_probes, about_question
from probekit.probes.selectivity import SelectivityRow, selectivity_rows
from probekit.probes.structural.fitted_trees import FittedTrees, joined_trees
from probekit.probes.structural.tree_codelength import tree_codelength
from probekit.probes.structural.tree_fit import fit_trees, has_trees
from probekit.probes.structural.tree_refits import trees_with_refits
from probekit.probes.structural.tree_rows import baseline_rows, probe_rows
from probekit.progress import Progress
from probekit.states.states import States
from probekit.tasks.tree_control import SHAPE as CONTROLLED
from probekit.tasks.tree_control import tree_control, word_types
from probekit.tasks.trees import TreeQuestion

TABLES = (
    "edge_lengths",
    "selectivity",
    "intervals",
    "codelengths",
    "learning_curves",
    "capacity",
)
"""What is added beside scores, by the fields of Scores."""


def tree_scores(
    states: States,
    questions: Sequence[TreeQuestion],
    kinds: Sequence[str],
    seeds: tuple[int, ...],
    settings: FitSettings,
    progress: Progress,
    evidence: Mapping[str, Any],
) -> tuple[Found, list[FittedTrees]]:
    """Train and score structural probes, with the baselines and evidence beside them.

    Returns the rows, and the trained probes on gold trees.

    Args:
        states: the vectors, in the context of the tasks.
        questions: the tasks and their trees.
        kinds: of probe; those that structural tasks do not have are left out.
        seeds: one probe per layer for each.
        settings: how probes are trained.
        progress: called with the stage, the units done and how many there are.
        evidence: what is measured besides, by names in EVIDENCE; the rest has no rows (see
            `unmeasured`).
    """
    found = Found()
    for name in TABLES:
        found.tables[name] = []
    for question in questions:
        rows, lengths = baseline_rows(question, about_question(states, question))
        found.rows.extend(rows)
        found.tables["edge_lengths"] += lengths
    controls = []
    if "control" in evidence:
        controls = [
            tree_control(question, states.corpus)
            for question in questions
            if question.task.shape == CONTROLLED
        ]
    resamples = evidence.get("resample_train", 0)
    by_kind: list[list[FittedTrees]] = []
    used = [kind for kind in kinds if has_trees(kind)]
    how = _How(seeds, settings, resamples, progress)
    for of_kind in _fits(states, [*questions, *controls], used, how):
        gold, on_controls = of_kind[: len(questions)], of_kind[len(questions) :]
        by_kind.append(gold)
        for fitted in of_kind:
            about = {**about_question(states, fitted.question), **identity.of_fit(settings)}
            rows, lengths = probe_rows(fitted, {**about, "probe": fitted.kind})
            found.rows.extend(rows)
            found.tables["edge_lengths"] += lengths
        if resamples:
            for fitted in gold:
                about = about_probes(states, fitted, settings)
                found.tables["intervals"] += interval_rows(fitted, about)
        found.tables["selectivity"] += _selectivity(states, gold, on_controls, settings)
        if "codelength" in evidence:
            of_heads = [one for one in of_kind if one.question.task.shape == CONTROLLED]
            _add_codes(found, states, of_heads, how)
    if "capacity" in evidence:
        found.tables["capacity"] += _capacity(states, by_kind, settings)
    return found, [fitted for gold in by_kind for fitted in gold]


def _selectivity(
    states: States,
    gold: Sequence[FittedTrees],
    controls: Sequence[FittedTrees],
    settings: FitSettings,
) -> Iterator[SelectivityRow]:
    """The rows of each task with a control."""
    by_task = {fitted.question.task.name: fitted for fitted in gold}
    for control in controls:
        own = by_task[control.question.task.name]
        known = word_types(own.question, states.corpus).share_in_training()
        yield from selectivity_rows(own, control, known, about_probes(states, own, settings))


def _capacity(
    states: States, by_kind: Sequence[Sequence[FittedTrees]], settings: FitSettings
) -> Iterator[CapacityRow]:
    """The rows of each task, of all kinds of probe."""
    for kinds in zip(*by_kind, strict=True):
        yield from capacity_rows(kinds, about_probes(states, kinds[0], settings))


def _add_codes(found: Found, states: States, fits: Sequence[FittedTrees], how: _How) -> None:
    """Add the codes of heads, and of their controls, by probes like the trained ones."""
    if not fits:
        return
    parts = []
    for vectors, views in in_turn(states):
        codes = tree_codelength(
            vectors,
            [fitted.question for fitted in fits],
            probe=fits[0].kind,
            seeds=how.seeds,
            settings=how.settings,
            layers=[view.layer for view in views],
            progress=how.progress,
        )
        parts.append(codes)
    codes = [joined_codes(of_question) for of_question in zip(*parts, strict=True)]
    for code, fitted in zip(codes, fits, strict=True):
        about = about_probes(states, fitted, how.settings)
        found.tables["codelengths"] += code_rows(code, about)
        found.tables["learning_curves"] += curve_rows(code, about)


class _How(NamedTuple):
    """How probes are trained."""

    seeds: tuple[int, ...]
    settings: FitSettings
    resamples: int
    progress: Progress


def _fits(
    states: States, questions: Sequence[TreeQuestion], kinds: Sequence[str], how: _How
) -> Iterator[list[FittedTrees]]:
    """For each kind the trained probes of each question. A sweep is run once for all kinds."""
    parts: list[list[list[FittedTrees]]] = [[] for _ in kinds]
    for vectors, views in in_turn(states):
        for of_kind, kind in zip(parts, kinds, strict=True):
            fits = fit_trees(
                vectors,
                questions,
                probe=kind,
                seeds=how.seeds,
                settings=how.settings,
                layers=[view.layer for view in views],
                progress=how.progress,
            )
            if how.resamples:
                fits = trees_with_refits(fits, vectors, how.resamples, how.settings, how.progress)
            of_kind.append(fits)
    for of_kind in parts:
        yield [joined_trees(of_task) for of_task in zip(*of_kind, strict=True)]
