"""The section of a fine-tuned model: its scores and its training."""

from __future__ import annotations

from probekit.reports.number_text import score_with_interval
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
        score = score_with_interval(row["score"], row["ci_low"], row["ci_high"])
        verdicts.append(Verdict(f"{row['metric']} on test: {score}"))
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
