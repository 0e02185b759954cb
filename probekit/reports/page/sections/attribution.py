"""The section of an attribution: which words the decisions of a probe rest on."""

from __future__ import annotations

from probekit.reports.coloured import lines_of
from probekit.reports.heatmap import heatmap
from probekit.reports.page.drawing import drawing
from probekit.reports.page.grid import table
from probekit.reports.page.parts import (
    ColouredWord,
    ColouredWords,
    Method,
    Part,
    Section,
    Term,
    Verdict,
)
from probekit.reports.page.sections.subject import named
from probekit.usage.attribution import Attribution

MOST = 20


def section_of_attribution(found: Attribution) -> Section:
    """Words in colours, where it happens, and how far to trust the numbers."""
    parts: list[Part | None] = [
        _words(found),
        drawing(
            "Heatmap: where the words' shares come from",
            "Of one text, what flows through the states of each word, layer by layer; of a "
            "corpus, mean shares by label and place.",
            lambda: heatmap(found),
        ),
        table(found, "positions", "Mean shares by label and place"),
        table(found, "decisions", "Every decision", folded=True),
        table(found, "attribution", "Every word of every decision", folded=True),
    ]
    first = found.decisions.iloc[0]
    return Section(
        heading=f"What decisions rest on: {first['task']}, {named(found.decisions, 'model')}",
        verdicts=[Verdict(sentence) for sentence in found.sentences],
        guide=(
            Term(
                "share",
                "a word's part of the score of the label, in percent of the absolute parts of all "
                "words. Blue words with + speak for the label, orange words with − against it.",
            ),
            Term("[brackets]", "the word or span that is labelled."),
            Term(
                "limits",
                "it explains the decision of the probe through the computation of the model, not "
                "that the model itself acts on the label; and it depends on what stands for 'no "
                "word'.",
            ),
        ),
        parts=[part for part in parts if part],
        methods=[
            Method(
                "We attributed the scores of labels to words by integrated gradients "
                "(Sundararajan et al. 2017) of a probe on top of the running model.",
                ("sundararajan2017",),
            )
        ],
    )


def _words(found: Attribution) -> ColouredWords:
    """The words of the first decisions."""
    lines = []
    for line in lines_of(found, MOST):
        words = [ColouredWord(*word) for word in line.words]
        lines.append((line.about, line.label, words))
    total = len(found.of_model)
    return ColouredWords("Words and their shares", lines, total, "attribution.csv")
