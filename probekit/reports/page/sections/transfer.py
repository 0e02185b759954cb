"""The section of transfer: how many labels pre-training saves."""

from __future__ import annotations

from probekit.reports.lines import lines
from probekit.reports.page.drawing import drawing
from probekit.reports.page.grid import table
from probekit.reports.page.parts import Method, Part, Section, Term, Verdict
from probekit.reports.page.sections.subject import named
from probekit.tuning.transferred import Transfer


def section_of_transfer(found: Transfer) -> Section:
    """The factors in words, the curves, and every trained model."""
    subject = f"{named(found.table, 'model')} on {named(found.table, 'data')}"
    parts: list[Part | None] = [
        drawing(
            "Lines: score by the number of labels, a line per method",
            "The further left a line is of another at one height, the fewer labels it needs.",
            lambda: lines(found),
        ),
        table(found, "factors", "How many times fewer labels"),
        table(found, "label_curves", "Means over seeds"),
        table(found, "transfer", "Every trained model", folded=True),
    ]
    return Section(
        heading=f"How many labels pre-training saves: {subject}",
        verdicts=[Verdict(sentence) for sentence in found.sentences],
        guide=(
            Term(
                "method",
                "ngrams and scratch know nothing beforehand; frozen and full begin "
                "with the pre-trained model.",
            ),
            Term(
                "factor",
                "how many times fewer labels the pre-trained model needs for the score that the "
                "reference reaches with all of them.",
            ),
            Term(
                "95% interval",
                "covers other test texts, and other samples of labels and seeds where there are "
                "several.",
            ),
        ),
        parts=[part for part in parts if part],
        methods=[
            Method(
                f"We trained {named(found.table, 'method')} on samples of "
                f"{named(found.table, 'train_examples')} labelled examples of "
                f"{named(found.table, 'data')}, and compared the numbers of labels that reach the "
                "same test score."
            )
        ],
    )
