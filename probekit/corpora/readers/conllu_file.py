"""A CoNLL-U (Plus) file as sentences of rows, checked line by line.

The package `conllu` parses; what it does not check is checked here. Whatever makes it unclear what
the words are (columns, ids, an empty FORM) is an error with its line. An annotation that cannot be
read (a HEAD out of range, an `Entity` that is not a run of brackets) is absent for its sentence,
counted and located.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from probekit.corpora.readers import entities
from probekit.corpora.readers.reading import Tally, blocks, read_lines
from probekit.corpora.silver.sentence import COMMENT, SILVER
from probekit.errors import CorpusError
from probekit.foreign import shortened

BASIC = ("id", "form", "lemma", "upos", "xpos", "feats", "head", "deprel", "deps", "misc")
NO_HEADER = "Entity annotations are left out: no '# global.Entity' says what their fields are"
NO_ID = (
    "Entity annotations are left out: '# global.Entity' names no field 'eid' or 'GRP', "
    "so it is unknown which entity a bracket means"
)
BAD_ENTITY = (
    "sentences go without entities and mentions: "
    "an Entity value is not a run of '(id-…', '(id-…)' and 'id)'"
)
BAD_HEAD = (
    "sentences go without dependencies: a HEAD is not 0 (a root) or the number of another word"
)
EMPTY_CELL = "empty cells are read as '_'"
PREDICTED = (
    "documents are silver: labels were predicted by {tagger}, and scores measure agreement with it"
)
SPACES = "runs of spaces inside a column are read as one space"
_RANGE = re.compile(r"([1-9][0-9]{0,8})-([1-9][0-9]{0,8})")
_SPACES = re.compile(" {2,}")
_EMPTY = re.compile(r"(0|[1-9][0-9]{0,8})\.([1-9][0-9]{0,8})")

_DIGITS = 9  # of a word's number, at most


def _raw(line: list[str], i: int) -> str:
    return line[i]


# Columns are not parsed: that would double the time, and no annotation needs it.
_RAW: dict[str, Callable[[list[str], int], Any]] = dict.fromkeys(
    ("id", "xpos", "feats", "head", "deps", "misc"), _raw
)

Row = tuple[str, ...]
Line = tuple[int, Row]


@dataclass
class Sentence:
    """The syntactic words of a sentence.

    Attributes:
        id, document: as in `Passage`.
        line: number of the first line.
        rows: the columns of each word, in the order of the file.
        lines: line number of each word.
        heads: head of each word, 0 for a root, None for a word without one; empty if one of them
            cannot be read.
        nodes: `(start, end, brackets)` of each node with an `Entity` (see
            `entities.read_mentions`).
        fields: the fields of the last `# global.Entity`; None if that, or an `Entity` of the
            sentence, cannot be read.
    """

    id: str
    document: str
    line: int
    rows: list[Row] = field(default_factory=list)
    lines: list[int] = field(default_factory=list)
    heads: list[int | None] = field(default_factory=list)
    nodes: list[tuple[int, int, list[entities.Bracket]]] = field(default_factory=list)
    fields: entities.EntityFields | None = None


def read_columns(path: Path) -> dict[str, int]:
    """The index of each column, by its name in lower case.

    The columns are the ten of CoNLL-U, or those that `# global.columns` names on the first line.

    Raises:
        CorpusError: if a required column is missing.
    """
    match = re.fullmatch(r"#\s*global\.columns\s*=\s*(.*)", next(read_lines(path), ""))
    names = match[1].lower().split() if match else list(BASIC)
    missing = [name for name in ("id", "form") if name not in names]
    if missing:
        raise CorpusError(f"{path}:1: global.columns lacks the column {missing[0].upper()}")
    return {name: i for i, name in enumerate(names)}


def read_sentences(path: Path, columns: Mapping[str, int], tally: Tally) -> Iterator[Sentence]:
    """Iterate over the sentences.

    Raises:
        CorpusError: with file and line, for what the format does not allow.
    """
    document = path.stem
    scheme = _Scheme(None, NO_HEADER)
    done = 0
    for first, block in blocks(read_lines(path)):
        lines, comments = _parse(block, first, columns, tally, path)
        if "newdoc" in comments or "newdoc id" in comments:
            document = comments.get("newdoc id") or f"{path.stem}-{done + 1}"
        tagger = (comments.get(COMMENT) or "").removeprefix(SILVER)
        if tagger and tagger != comments[COMMENT]:
            tally.add(PREDICTED.format(tagger=shortened(tagger)), f"{path}:{first}")
        if "global.Entity" in comments:
            scheme = _Scheme.of(comments["global.Entity"] or "")
        if not lines:
            continue
        done += 1
        name = comments.get("sent_id") or f"{path.stem}-{done}"
        sentence = Sentence(name, document, first)
        _add_words(sentence, lines, columns, tally, path)
        _add_entities(sentence, lines, columns, scheme, tally, path)
        yield sentence


def _parse(
    block: list[str], first: int, columns: Mapping[str, int], tally: Tally, path: Path
) -> tuple[list[Line], dict[str, str | None]]:
    """Rows with their line numbers, and comments, of one sentence."""
    from conllu.parser import parse_token_and_metadata

    numbers = [first + i for i, line in enumerate(block) if line[0] != "#"]
    for number in numbers:
        line = block[number - first]
        given = line.count("\t") + 1
        if given != len(columns):
            hint = " (columns are separated by tabs, not spaces)" if given == 1 else ""
            raise CorpusError(
                f"{path}:{number}: {given} columns between tabs, expected {len(columns)}{hint}"
            )
        if "  " in line:  # two spaces end a column for the package
            tally.add(SPACES, f"{path}:{number}")
            block[number - first] = _SPACES.sub(" ", line)
    parsed = parse_token_and_metadata("\n".join(block), list(columns), _RAW)
    rows = [tuple(token.values()) for token in parsed]
    for i, number in enumerate(numbers):
        if len(rows[i]) != len(columns) or "" in rows[i]:
            rows[i] = _without_empty(block[number - first], columns, tally, f"{path}:{number}")
    return list(zip(numbers, rows, strict=True)), dict(parsed.metadata)


def _without_empty(line: str, columns: Mapping[str, int], tally: Tally, where: str) -> Row:
    """The columns of a line, with `_` in empty ones, which are counted.

    Raises:
        CorpusError: for an empty ID or FORM.
    """
    cells = line.split("\t")
    for name in ("id", "form"):
        if not cells[columns[name]].strip():
            raise CorpusError(f"{where}: column {name.upper()} is empty")
    filled = tuple(cell.strip() or "_" for cell in cells)
    tally.add(EMPTY_CELL, where, sum(not cell.strip() for cell in cells))
    return filled


class _Scheme(NamedTuple):
    """The fields of a bracket, from `# global.Entity`, or why they are unknown."""

    fields: entities.EntityFields | None
    unknown: str = ""

    @classmethod
    def of(cls, header: str) -> _Scheme:
        try:
            return cls(entities.EntityFields.of(header))
        except ValueError:
            return cls(None, NO_ID)


def _add_words(
    sentence: Sentence, lines: list[Line], columns: Mapping[str, int], tally: Tally, path: Path
) -> None:
    """Add the words and heads of a sentence, and check the ids of all its nodes."""
    id_at = columns["id"]
    spanned = 0  # last word of the last multi-word token
    for number, row in lines:
        before = len(sentence.rows)
        if row[id_at] == str(before + 1):
            sentence.rows.append(row)
            sentence.lines.append(number)
        else:
            spanned = _check_id(row[id_at], before, spanned, f"{path}:{number}")
    if spanned > len(sentence.rows):
        raise CorpusError(
            f"{path}:{lines[-1][0]}: a multi-word token extends to word {spanned}, "
            f"the sentence has {len(sentence.rows)} words"
        )
    if not sentence.rows:
        raise CorpusError(f"{path}:{sentence.line}: a sentence without words")
    if "head" in columns:
        heads = [row[columns["head"]] for row in sentence.rows]
        sentence.heads = _heads(heads, sentence, tally, path)


def _add_entities(
    sentence: Sentence,
    lines: list[Line],
    columns: Mapping[str, int],
    scheme: _Scheme,
    tally: Tally,
    path: Path,
) -> None:
    """The brackets of every node that has an `Entity`, where their fields are known and all of them
    can be read."""
    misc_at, id_at = columns.get("misc"), columns["id"]
    sentence.fields = scheme.fields
    if misc_at is None:
        return
    before = 0
    for number, row in lines:
        start = before
        before += row[id_at] == str(before + 1)
        value = entities.value_of(row[misc_at]) if "Entity=" in row[misc_at] else ""
        if value and scheme.fields is None:
            tally.add(scheme.unknown, f"{path}:{number}")
        elif value:
            try:
                sentence.nodes.append((start, before, entities.split_brackets(value)))
            except ValueError:
                tally.add(BAD_ENTITY, f"{path}:{number}")
                sentence.fields, sentence.nodes = None, []
                return


def _check_id(given: str, before: int, spanned: int, where: str) -> int:
    """Check the id of a multi-word token or an empty node after `before` words.

    Returns:
        The last word of a multi-word token so far.
    """
    expected = f"expected {before + 1}"
    if match := _RANGE.fullmatch(given):
        start, end = int(match[1]), int(match[2])
        if start != before + 1 or end <= start or start <= spanned:
            raise CorpusError(f"{where}: bad range '{given}', {expected} and a later word")
        return end
    if match := _EMPTY.fullmatch(given):
        if int(match[1]) != before:
            raise CorpusError(f"{where}: empty node '{given}' out of sequence, expected {before}.1")
        return spanned
    why = "out of sequence" if given.isdecimal() else "not a number"
    wrong = f"ID '{shortened(given)}' is {why}"
    raise CorpusError(f"{where}: {wrong}, {expected}")


def _heads(given: Sequence[str], sentence: Sentence, tally: Tally, path: Path) -> list[int | None]:
    """The head of each word; empty, and counted, if one of them is not a word."""
    heads: list[int | None] = []
    for i, text in enumerate(given):
        if text == "_":
            heads.append(None)
            continue
        is_number = text.isascii() and text.isdecimal() and len(text) <= _DIGITS
        if not is_number or int(text) > len(given) or int(text) == i + 1:
            tally.add(BAD_HEAD, f"{path}:{sentence.lines[i]}")
            return []
        heads.append(int(text))
    return heads
