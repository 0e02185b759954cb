"""The section of a replication: a paper's figures beside what was measured."""

from __future__ import annotations

from probekit.replications.replicated import Replicated
from probekit.reports.page.grid import table
from probekit.reports.page.parts import Method, Part, Prose, Section, Term, Verdict
from probekit.reports.page.sections.subject import named
from probekit.reports.replication import heading_lines


def section_of_replication(found: Replicated) -> Section:
    """The figures side by side, and how the data and the model differ."""
    parts: list[Part | None] = [
        table(found, "replication", "The paper's figures, and the same quantities as measured"),
    ]
    if found.differences:
        parts.append(Prose("How this differs from the paper", list(found.differences)))
    return Section(
        heading=f"Beside a paper: {named(found.table, 'model')}",
        verdicts=[Verdict(line) for line in heading_lines(found)],
        guide=(
            Term(
                "compare",
                "number where model, text and labels are the paper's, up to the differences "
                "stated; pattern where only order and direction can be compared.",
            ),
        ),
        parts=[part for part in parts if part],
        methods=[Method("Quantities were computed as the paper describes them.")],
    )
