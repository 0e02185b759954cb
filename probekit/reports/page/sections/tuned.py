"""The section of a fine-tuned model: its scores and its training."""

from __future__ import annotations

from probekit.reports.page.grid import table
from probekit.reports.page.parts import Method, Part, Section, Term, Verdict
from probekit.reports.page.sections.subject import named
from probekit.tuning.tuned import Tuned


def section_of_tuned(found: Tuned) -> Section:
    """Scores by metric and split, and every step of training."""
    parts: list[Part | None] = [
        table(found, "finetuned", "Scores on what it was fine-tuned for"),
        table(found, "history", "Every step of training", folded=True),
    ]
    subject = f"{named(found.table, 'model')} on {named(found.table, 'data')}"
    verdicts = []
    for _, row in found.table[found.table["split"] == "test"].iterrows():
        ends = f"{row['ci_low']:.3f} to {row['ci_high']:.3f}"
        verdicts.append(Verdict(f"{row['metric']} {row['score']:.3f} on test ({ends})"))
    return Section(
        heading=f"Fine-tuned: {subject}",
        verdicts=verdicts,
        guide=(
            Term("majority", "what always saying the most frequent label would score."),
            Term("95% interval", "covers other test texts of the same kind, not other seeds."),
        ),
        parts=[part for part in parts if part],
        methods=[Method(f"We fine-tuned {subject} by the recipe {named(found.table, 'recipe')}.")],
    )
