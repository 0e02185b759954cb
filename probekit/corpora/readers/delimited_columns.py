"""Which column of a CSV file is what: by the names in a card, or else by usual names.

| kind of rows | columns |
|---|---|
| words | a word; any other column labels it; optional: a sentence's id, a document |
| spans | a text; its first and last character or word; one label or more; optional: a document |
| sentences | a text; one label or more; optional: a document |
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from probekit.errors import CorpusError
from probekit.foreign import shortened

USUAL = {
    "words": ("word", "words", "token", "form"),
    "text": ("text", "sentence"),
    "sentence": ("sentence_id", "sent_id", "sentence #", "sentence"),
    "document": ("document", "document_id", "doc_id"),
    "start_char": ("start_char",),
    "end_char": ("end_char",),
    "start_word": ("start_word",),
    "end_word": ("end_word",),
    "start_char2": ("start_char2",),
    "end_char2": ("end_char2",),
    "start_word2": ("start_word2",),
    "end_word2": ("end_word2",),
}
"""The keys of a card's `[columns]` that are not annotations, and the usual names, in lower case."""
LABELS = ("label", "labels", "tag", "class", "category")
SPANS = ("start_char", "end_char"), ("start_word", "end_word")
SHOWN = 20  # most columns in a message

EXPECTED = (
    "expected 'word' and a tag; or 'text' and 'label'; for spans also 'start_char' and 'end_char', "
    "or 'start_word' and 'end_word'. A card's [columns] can name others"
)


@dataclass(frozen=True)
class WordColumns:
    """Columns of rows of words; `sentence` and `document` are empty if there is none."""

    word: str
    sentence: str
    document: str
    annotations: Mapping[str, str]

    def __str__(self) -> str:
        return f"words in '{self.word}'"


@dataclass(frozen=True)
class SentenceColumns:
    """Columns of rows of sentences.

    Attributes:
        text: the column of the text.
        annotations: the column of each annotation.
        document: the column of documents; empty if every sentence is one.
        spans: the columns of each span's start and end; empty for labels of whole sentences.
        in_words: whether starts and ends count words, not characters.
        unread: the other columns.
    """

    text: str
    annotations: Mapping[str, str]
    document: str = ""
    spans: tuple[tuple[str, str], ...] = ()
    in_words: bool = False
    unread: tuple[str, ...] = ()

    def __str__(self) -> str:
        spans = f", spans in {', '.join(map(repr, sum(self.spans, ())))}" if self.spans else ""
        labels = ", ".join(map(repr, self.annotations.values()))
        return f"texts in '{self.text}', labels in {labels}{spans}"


def find_columns(
    header: Sequence[str], named: Mapping[str, str], path: Path
) -> SentenceColumns | WordColumns:
    """What the columns of a file are.

    Args:
        header: the names of all columns.
        named: the card's names for some: a key of USUAL, or an annotation, and its column.
        path: the file.

    Raises:
        CorpusError: if that cannot be told from the names.
    """
    for column in named.values():
        if column not in header:
            raise _cannot_tell(f"there is no column '{shortened(column)}'", header, path)
    usual: dict[str, str] = {}
    for key in USUAL:
        usual[key] = named.get(key) or _usual(key, header)
    own = {key: column for key, column in named.items() if key not in USUAL}
    if usual["words"] and "text" not in named:
        return WordColumns(usual["words"], usual["sentence"], usual["document"], own)
    if not usual["text"]:
        raise _cannot_tell("no column of words or texts is recognised by its name", header, path)
    spans, in_words = _spans(usual, header, path)
    used = {usual["text"], usual["document"], *sum(spans, ())}
    others = [column for column in header if column and column not in used]
    annotations = own or _labels(others, header, path)
    return SentenceColumns(
        text=usual["text"],
        annotations=annotations,
        document=usual["document"],
        spans=spans,
        in_words=in_words,
        unread=tuple(column for column in others if column not in annotations.values()),
    )


def _usual(key: str, header: Sequence[str]) -> str:
    """The first column with a usual name; empty if there is none."""
    columns = {column.lower(): column for column in reversed(header)}
    return next((columns[name] for name in USUAL[key] if name in columns), "")


def _labels(others: Sequence[str], header: Sequence[str], path: Path) -> dict[str, str]:
    """The columns with a usual name of a label, or else the only one that is left."""
    found = [column for column in others if column.lower() in LABELS]
    if not found and len(others) == 1:
        found = list(others)
    if not found:
        raise _cannot_tell("no column of labels is recognised by its name", header, path)
    return {column: column for column in found}


def _spans(
    usual: Mapping[str, str], header: Sequence[str], path: Path
) -> tuple[tuple[tuple[str, str], ...], bool]:
    """The columns of each span's start and end, and whether they count words."""
    lower = [column.lower() for column in header]
    found: dict[str, list[tuple[str, str]]] = {}
    for start, end in SPANS:
        pairs = [(usual[start], usual[end]), (usual[f"{start}2"], usual[f"{end}2"])]
        for pair in pairs:
            if any(pair) and not all(pair):
                raise _cannot_tell(f"'{pair[0] or pair[1]}' has no other end", header, path)
            if all(pair):
                found.setdefault(start, []).append(pair)
    if len(found) > 1:
        raise _cannot_tell("spans are in characters or in words, not in both", header, path)
    if not found and "start" in lower and "end" in lower:
        raise _cannot_tell("'start' and 'end' may count characters or words", header, path)
    for start, pairs in found.items():
        return tuple(pairs), start == "start_word"
    return (), False


def _cannot_tell(wrong: str, header: Sequence[str], path: Path) -> CorpusError:
    more = f" and {len(header) - SHOWN:,} more" if len(header) > SHOWN else ""
    listed = ", ".join(shortened(column) for column in header[:SHOWN]) + more
    if len(header) == 1:
        listed += "; commas separate the cells of .csv, tabs those of .tsv"
    return CorpusError(f"{path}: {wrong} (its columns: {listed}): {EXPECTED}")
