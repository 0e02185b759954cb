"""Tree scores: what structural probes and baselines add to the results of one checkpoint."""

from __future__ import annotations

from collections.abc import Sequence

from probekit.probes import identity
from probekit.probes.evidence import Found
from probekit.probes.fit_settings import FitSettings
from probekit.probes.in_turn import in_turn
from probekit.probes.scoring import about_question
from probekit.probes.structural.fitted_trees import FittedTrees, joined_trees
from probekit.probes.structural.tree_fit import fit_trees
from probekit.probes.structural.tree_rows import baseline_rows, probe_rows
from probekit.progress import Progress
from probekit.states.states import States
from probekit.tasks.trees import TreeQuestion


def tree_scores(
    states: States,
    questions: Sequence[TreeQuestion],
    kinds: Sequence[str],
    seeds: tuple[int, ...],
    settings: FitSettings,
    progress: Progress,
) -> tuple[Found, list[FittedTrees]]:
    """Train and score structural probes, with the baselines beside them.

    Returns the rows, and the trained probes.

    Args:
        states: the vectors, in the context of the tasks.
        questions: the tasks and their trees.
        kinds: of probe, see `tree_fit.check_kinds`.
        seeds: one probe per layer for each.
        settings: how probes are trained.
        progress: called with the stage, the units done and how many there are.
    """
    found = Found(tables={"edge_lengths": []})
    for question in questions:
        rows, lengths = baseline_rows(question, about_question(states, question))
        found.rows.extend(rows)
        found.tables["edge_lengths"] += lengths
    trained: list[FittedTrees] = []
    fits = _fits(states, questions, kinds, seeds, settings, progress)
    for kind, of_kind in zip(kinds, fits, strict=True):
        trained += of_kind
        for fitted in of_kind:
            about = {**about_question(states, fitted.question), **identity.of_fit(settings)}
            rows, lengths = probe_rows(fitted, {**about, "probe": kind})
            found.rows.extend(rows)
            found.tables["edge_lengths"] += lengths
    return found, trained


def _fits(
    states: States,
    questions: Sequence[TreeQuestion],
    kinds: Sequence[str],
    seeds: tuple[int, ...],
    settings: FitSettings,
    progress: Progress,
) -> list[list[FittedTrees]]:
    """The trained probes of each kind and question. A sweep is run once for all kinds."""
    parts: list[list[list[FittedTrees]]] = [[] for _ in kinds]
    for vectors, views in in_turn(states):
        for of_kind, kind in zip(parts, kinds, strict=True):
            fits = fit_trees(
                vectors,
                questions,
                probe=kind,
                seeds=seeds,
                settings=settings,
                layers=[view.layer for view in views],
                progress=progress,
            )
            of_kind.append(fits)
    found = []
    for of_kind in parts:
        found.append([joined_trees(of_task) for of_task in zip(*of_kind, strict=True)])
    return found
