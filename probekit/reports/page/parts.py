"""Parts: what a page is made of, before it is HTML. All text is plain; templates escape it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import ClassVar, NamedTuple


class Cell(NamedTuple):
    """One cell of a table.

    Attributes:
        text: as it is shown.
        value: of a number, all its digits; empty for text and for a missing number.
        tone: `good`, `bad`, `unsure` or empty, for a verdict.
    """

    text: str
    value: str = ""
    tone: str = ""


class Heading(NamedTuple):
    """The heading of a column.

    Attributes:
        name: of the column in its file.
        text: as it is shown.
        meaning: in a few words; may be empty.
        unit: of its values, or their range; may be empty.
        is_number: whether its cells are numbers.
    """

    name: str
    text: str
    meaning: str
    unit: str
    is_number: bool


class Row(NamedTuple):
    """The cells of a row, and the row's number in its file, from 0."""

    place: int
    cells: list[Cell]


@dataclass(frozen=True)
class Grid:
    """A table that can be sorted and filtered.

    Attributes:
        caption: what it shows.
        headings: from left to right.
        rows: from top to bottom.
        source: the file that has the same numbers; empty where they are computed from a file.
        total: rows in the file, of which some may be left out here.
        same: columns with one value in all rows, and that value; they are not shown otherwise.
        folded: whether it is closed until a reader opens it.
    """

    KIND: ClassVar[str] = "grid"

    caption: str
    headings: list[Heading]
    rows: list[Row]
    source: str = ""
    total: int = 0
    same: list[tuple[str, str]] = field(default_factory=list)
    folded: bool = False

    @property
    def characters(self) -> int:
        """How wide it is on paper: the longest words of its columns side by side, and margins."""
        wide = 0
        for place, heading in enumerate(self.headings):
            texts = [heading.text, *(row.cells[place].text for row in self.rows)]
            wide += max(map(len, " ".join(texts).split()), default=0) + 2
        return wide


@dataclass(frozen=True)
class Drawing:
    """A picture.

    Attributes:
        title: what it shows, for those who cannot see it too.
        note: how to read it.
        svg: an SVG file's content.
    """

    KIND: ClassVar[str] = "drawing"

    title: str
    note: str
    svg: bytes


@dataclass(frozen=True)
class Prose:
    """Sentences below a heading, one paragraph or one item of a list each."""

    KIND: ClassVar[str] = "prose"

    title: str
    sentences: Sequence[str]


class Flip(NamedTuple):
    """One instance that is right before and wrong after.

    Attributes:
        about: where it is from.
        words: the sentence in parts, and whether each is what was labelled.
        span: what was labelled, where it cannot be found in the sentence for sure; or empty.
        gold: the label that is right; empty for minimal pairs.
        predicted: the label after; of a pair the sentence that is wrong.
    """

    about: str
    words: list[tuple[str, bool]]
    span: str
    gold: str
    predicted: str


@dataclass(frozen=True)
class Flips:
    """Flipped instances as sentences.

    Attributes:
        title: what they are of.
        flips: the first ones.
        total: of them all.
        source: the file that has all.
    """

    KIND: ClassVar[str] = "flips"

    title: str
    flips: list[Flip]
    total: int
    source: str


class ColouredWord(NamedTuple):
    """A word, its share in percent, and its colours."""

    text: str
    share: str
    background: str
    foreground: str


@dataclass(frozen=True)
class ColouredWords:
    """Decisions, each with the words that it rests on.

    Attributes:
        title: what is shown.
        lines: what is labelled, its label, and the words of the text.
        total: decisions in all.
        source: the file that has all.
    """

    KIND: ClassVar[str] = "coloured_words"

    title: str
    lines: list[tuple[str, str, list[ColouredWord]]]
    total: int
    source: str


Part = Grid | Drawing | Prose | Flips | ColouredWords


class Term(NamedTuple):
    """A word of a section, and what it means."""

    word: str
    meaning: str


class Verdict(NamedTuple):
    """A main result in a sentence, and what it is of where there are several."""

    sentence: str
    subject: str = ""


class Method(NamedTuple):
    """A sentence of the methods paragraph, and the keys of the references that it cites."""

    sentence: str
    cites: tuple[str, ...] = ()


@dataclass(frozen=True)
class Section:
    """What a page says of some results.

    Attributes:
        heading: what they are.
        verdicts: the main results in sentences, which the summary repeats.
        guide: how to read what follows.
        parts: tables, pictures and others.
        methods: how the numbers were computed.
    """

    heading: str
    verdicts: Sequence[Verdict]
    guide: Sequence[Term]
    parts: Sequence[Part]
    methods: Sequence[Method]
