"""Coloured: words with what is attributed to them, as colours and as numbers.

Blue words speak for the label and orange ones against it. Each has its share in percent beside it,
so that nothing is lost without colours.
"""

from __future__ import annotations

from collections.abc import Iterator
from math import isnan
from typing import TYPE_CHECKING, NamedTuple

from matplotlib.colors import to_hex, to_rgb

from probekit.reports.colours import text_colour
from probekit.usage.attribution import Attribution

if TYPE_CHECKING:
    from rich.text import Text

FOR, AGAINST = "#0072b2", "#d55e00"  # of Okabe and Ito
MOST = 20  # decisions that are shown


class Word(NamedTuple):
    """One word as it is shown.

    Attributes:
        text: the word; those of the span that is labelled in brackets.
        share: in percent, with its sign.
        background, foreground: colours, as `#rrggbb` and as a name.
    """

    text: str
    share: str
    background: str
    foreground: str


class Line(NamedTuple):
    """One decision as it is shown: what is labelled, the label, and the words of the text."""

    about: str
    label: str
    words: list[Word]


def lines_of(found: Attribution, most: int = MOST) -> Iterator[Line]:
    """The first decisions of the checkpoint."""
    rows = found.of_model
    if rows.empty:
        return
    own = found.table[found.table["model"] == rows["model"].iloc[0]]
    by_decision = dict(iter(own.groupby("decision")))
    for _, row in rows.head(most).iterrows():
        words = []
        for _, one in by_decision[row["decision"]].iterrows():
            word = str(one["word"])
            in_span = str(one["place"]).startswith("span")
            share = float(one["share"])
            background = shade(share)
            words.append(
                Word(
                    f"[{word}]" if in_span else word,
                    percent(share),
                    background,
                    text_colour(background),
                )
            )
        label = str(row["label"])
        if row["gold"] and row["predicted"] != row["label"]:
            label += f" (predicted: {row['predicted']})"
        yield Line(str(row["words"]), label, words)


def percent(share: float) -> str:
    """A share in percent, with its sign; a dash for a missing one.

    >>> percent(0.414), percent(-0.001)
    ('+41', '0')
    """
    if isnan(share):
        return "–"
    rounded = round(100 * share)
    return f"{rounded:+d}".replace("-", "−") if rounded else "0"


def shade(share: float) -> str:
    """The colour of a share from −1 to 1: white for 0."""
    full = to_rgb(FOR if share >= 0 else AGAINST)
    strength = min(1.0, abs(share)) ** 0.75
    red, green, blue = (1 + strength * (part - 1) for part in full)
    return to_hex((red, green, blue))


def coloured_lines(found: Attribution) -> list[Text]:
    """The words of the first decisions for the terminal."""
    from rich.text import Text

    shown = []
    for line in lines_of(found):
        text = Text(f"{line.about} → {line.label}: ")
        for word in line.words:
            text.append(word.text, f"{word.foreground} on {word.background}")
            text.append(f" {word.share}  ", "dim")
        shown.append(text)
    return shown
