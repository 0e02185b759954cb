"""The section of an erasure: what a model loses without a task's subspace."""

from __future__ import annotations

from probekit.reports.heatmap import heatmap
from probekit.reports.page.drawing import drawing
from probekit.reports.page.grid import table
from probekit.reports.page.parts import Method, Part, Section, Term, Verdict
from probekit.reports.page.sections.probing import INTERVAL, correction
from probekit.reports.page.sections.subject import named
from probekit.usage.erasure import Erasure

GUIDE = (
    Term(
        "erased",
        "the task whose subspace was removed from a layer while the model ran; random is as many "
        "dimensions at random, and control those of labels that follow from the word alone.",
    ),
    Term(
        "affected",
        "what was measured then. A clean probe was trained before, and reads what later layers "
        "make of what is left; a retrained one shows whether the subspace is gone. The head is the "
        "checkpoint's own, which labels what it was fine-tuned for; its rows have no probe.",
    ),
    Term(
        "change",
        "score after less score before, in points in pictures and sentences (1 point is 0.01). An "
        "erasure that changes no more than random does is not shown to matter.",
    ),
    INTERVAL,
)
METHODS = (
    Method(
        "We erased the linear subspace of a task from the states of a layer in closed form "
        "(LEACE; Belrose et al. 2023) while the model ran, and measured what the rest of the model "
        "still does (amnesic probing; Elazar et al. 2021), beside as many random dimensions.",
        ("belrose2023", "elazar2021"),
    ),
)


def section_of_erasure(found: Erasure) -> Section:
    """What each erasure changes most, by layer."""
    parts: list[Part | None] = [
        drawing(
            "Heatmap: change in points by the layer erased",
            "One row for each thing erased and measured, one column per layer.",
            lambda: heatmap(found),
        ),
        table(found, "erasure", "Every erasure and what was measured after it"),
    ]
    what = f"{found.task} in {named(found.table, 'model')} on {named(found.table, 'corpus')}"
    return Section(
        heading=f"Is it used? Erasing {what}",
        verdicts=[Verdict(sentence) for sentence in found.sentences],
        guide=GUIDE,
        parts=[part for part in parts if part],
        methods=[*METHODS, correction(found.run)],
    )
