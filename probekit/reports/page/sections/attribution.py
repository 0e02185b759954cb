"""The section of an attribution: which words the decisions of a probe rest on."""

from __future__ import annotations

from probekit.reports.coloured import lines_of
from probekit.reports.heatmap import heatmap
from probekit.reports.page.drawing import drawing
from probekit.reports.page.grid import grid, meanings, table
from probekit.reports.page.parts import (
    ColouredWord,
    ColouredWords,
    Grid,
    Method,
    Part,
    Section,
    Term,
    Verdict,
)
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
        _positions(found),
        table(found, "decisions", "Every decision", folded=True),
        table(found, "attribution", "Every word of every decision", folded=True),
    ]
    first = found.decisions.iloc[0]
    return Section(
        heading=f"What decisions rest on: {first['task']}, layer {first['layer']} of "
        f"{first['model']}",
        verdicts=[Verdict(sentence) for sentence in found.sentences],
        guide=(
            Term(
                "share",
                "a word's part of the score of the label, in percent of the absolute parts of all "
                "words. Blue words with + speak for the label, orange words with − against it.",
            ),
            Term("[brackets]", "the word or span that is labelled."),
            Term("place", "in the span, or so many words left or right of it."),
            Term(
                "random",
                "the share in a model with random weights. Beyond is the difference between the "
                "two; (brackets) in the picture mean that none is detected.",
            ),
            Term(
                "sum",
                "the attributions should add up to what the words change of the score, compared "
                "with no words. How far they miss is the error of the method.",
            ),
            Term(
                "rank correlation",
                "with a second method, which leaves out one word at a time: 1 is the same order of "
                "words, 0 an unrelated one. Where it is low, do not trust the order.",
            ),
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


def _positions(found: Attribution) -> Grid | None:
    """The mean shares, with words for all labels together."""
    means = found.positions
    if means is None or means.empty:
        return None
    frame = means.assign(label=means["label"].replace("", "all labels"))
    known = meanings(found, "positions")
    return grid("Mean shares by label and place", frame, known, source="positions.csv")


def _words(found: Attribution) -> ColouredWords:
    """The words of the first decisions."""
    lines = []
    for line in lines_of(found, MOST):
        words = [ColouredWord(*word) for word in line.words]
        lines.append((line.about, line.label, words))
    total = len(found.of_model)
    return ColouredWords("Words and their shares", lines, total, "attribution.csv")
