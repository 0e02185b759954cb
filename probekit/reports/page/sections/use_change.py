"""The section of a change of use: what erasures break before and after fine-tuning."""

from __future__ import annotations

from probekit.reports.bars import bars
from probekit.reports.page.drawing import drawing
from probekit.reports.page.grid import table
from probekit.reports.page.parts import Part, Section, Term, Verdict
from probekit.reports.page.sections.erasure import METHODS
from probekit.reports.page.sections.probing import INTERVAL, correction
from probekit.reports.page.sections.subject import named
from probekit.usage.use_change import UseChange


def section_of_use_change(found: UseChange) -> Section:
    """Whether each task is still encoded, and whether it is used less."""
    parts: list[Part | None] = [
        drawing(
            "Bars: what erasing a task at each layer costs, before and after",
            "In points; a longer bar means that more depends on what was erased.",
            lambda: bars(found),
        ),
        table(found, "use_change", "Every erasure, before and after"),
    ]
    pair = f"{named(found.table, 'before')} → {named(found.table, 'after')}"
    return Section(
        heading=f"Still used? {named(found.table, 'erased')}, {pair}",
        verdicts=[Verdict(sentence) for sentence in found.sentences],
        guide=(
            Term("drop", "what a score loses when the task's subspace is erased at the layer."),
            Term("change", "drop after less drop before; below 0, erasing it costs less after."),
            Term("beyond", "what is lost more than when as many random dimensions are erased."),
            INTERVAL,
        ),
        parts=[part for part in parts if part],
        methods=[*METHODS, correction(found.run)],
    )
