"""Sentence: what a tagger makes of a piece of plain text, and its lines of CoNLL-U."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

COMMENT = "annotation"
SILVER = "silver, "


@dataclass(frozen=True)
class Word:
    """A syntactic word; an annotation that the tagger does not make is empty.

    Attributes:
        head: number of the head, from 1; 0 for a root, None where there are no dependencies.
        token: form of the multi-word token that begins here, and the number of its words.
        space_after: whether a space follows the word, or the multi-word token that begins here.
    """

    form: str
    lemma: str = ""
    upos: str = ""
    xpos: str = ""
    feats: str = ""
    head: int | None = None
    deprel: str = ""
    token: tuple[str, int] | None = None
    space_after: bool = True


@dataclass(frozen=True)
class Sentence:
    """A sentence with its text."""

    text: str
    words: Sequence[Word]


class Tagger(Protocol):
    """Predicts annotation.

    Attributes:
        name: the library, the model and its version.
        longest: most characters of one text.
    """

    name: str
    longest: int

    def read(self, texts: Iterable[str]) -> Iterator[list[Sentence]]:
        """The sentences of each text."""


def lines_of(sentence: Sentence) -> Iterator[str]:
    """The lines of a sentence in CoNLL-U, without its comments."""
    covered = 0  # last word of the multi-word token so far
    for number, word in enumerate(sentence.words, 1):
        misc = "_" if word.space_after else "SpaceAfter=No"
        if word.token:
            form, length = word.token
            covered = number + length - 1
            yield "\t".join([f"{number}-{covered}", _cell(form), *["_"] * 7, misc])
        cells = [word.form, word.lemma, word.upos, word.xpos, word.feats]
        head = "" if word.head is None else str(word.head)
        relation = "root" if word.head == 0 else word.deprel
        own_misc = "_" if number <= covered else misc
        row = [str(number), *map(_cell, cells), _cell(head), _cell(relation), "_", own_misc]
        yield "\t".join(row)


def _cell(text: str) -> str:
    """A value as a column: on one line, with single spaces, and `_` where there is none."""
    return " ".join(text.split()) or "_"
