"""Tree scores: what structural probes and baselines add to the results of one checkpoint."""

from __future__ import annotations

from collections.abc import Sequence

from probekit.probes import identity
from probekit.probes.evidence import Found
from probekit.probes.fit_settings import FitSettings
from probekit.probes.scoring import about_question
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
) -> Found:
    """Train and score structural probes, with the baselines beside them.

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
    for kind in kinds:
        every = fit_trees(
            states, questions, probe=kind, seeds=seeds, settings=settings, progress=progress
        )
        for fitted in every:
            about = {**about_question(states, fitted.question), **identity.of_fit(settings)}
            rows, lengths = probe_rows(fitted, {**about, "probe": kind})
            found.rows.extend(rows)
            found.tables["edge_lengths"] += lengths
    return found
