"""A CoNLL-U (Plus) file as sentences of rows, checked line by line.

The package `conllu` parses; what it lets pass (missing columns, ids out of order, heads that do not exist) is
checked here, so that an error names the line.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from probekit.corpora.readers import entities
from probekit.corpora.readers.reading import Tally, blocks, read_text
from probekit.errors import CorpusError
from probekit.foreign import shortened

BASIC = ("id", "form", "lemma", "upos", "xpos", "feats", "head", "deprel", "deps", "misc")
NO_HEADER = "Entity annotations are left out: no '# global.Entity' says what their fields are"
NO_WORD = 10**9  # a number of more than nine digits counts no word of a sentence
_RANGE = re.compile(r"([1-9][0-9]{0,8})-([1-9][0-9]{0,8})")
_EMPTY = re.compile(r"(0|[1-9][0-9]{0,8})\.([1-9][0-9]{0,8})")


def _raw(line: list[str], i: int) -> str:
    return line[i]


# Columns as they stand: taking features and the like apart would double the time, and no layer needs it.
_RAW: dict[str, Callable[[list[str], int], Any]] = dict.fromkeys(("id", "xpos", "feats", "head", "deps", "misc"), _raw)

Row = tuple[str, ...]
Line = tuple[int, Row]


@dataclass
class Sentence:
    """The syntactic words of a sentence.

    Attributes:
        id, document: as `Passage` has them.
        line: number of the first line.
        rows: the columns of each word, in the order the file has them.
        lines: line number of each word.
        heads: head of each word, 0 for a root, None where there is none.
        nodes: `(start, end, pieces)` of each node with an `Entity` (see `entities.read_mentions`).
        fields: what `# global.Entity` said last.
    """

    id: str
    document: str
    line: int
    rows: list[Row] = field(default_factory=list)
    lines: list[int] = field(default_factory=list)
    heads: list[int | None] = field(default_factory=list)
    nodes: list[tuple[int, int, list[entities.Piece]]] = field(default_factory=list)
    fields: entities.EntityFields | None = None


def read_sentences(path: Path, tally: Tally) -> tuple[dict[str, int], list[Sentence]]:
    """Where each column stands (names in lower case), and the sentences.

    Raises CorpusError, with file and line, for what the format does not allow.
    """
    text = read_text(path)
    columns = _columns(text, path)
    document, fields = path.stem, None
    sentences: list[Sentence] = []
    for first, block in blocks(text):
        lines, comments = _parse(block, first, columns, path)
        if "newdoc" in comments or "newdoc id" in comments:
            document = comments.get("newdoc id") or f"{path.stem}-{len(sentences) + 1}"
        if "global.Entity" in comments:
            fields = _entity_fields(comments["global.Entity"] or "", f"{path}:{first}")
        if not lines:
            continue
        name = comments.get("sent_id") or f"{path.stem}-{len(sentences) + 1}"
        sentence = Sentence(name, document, first, fields=fields)
        _fill(sentence, lines, columns, tally, path)
        sentences.append(sentence)
    return columns, sentences


def _columns(text: str, path: Path) -> dict[str, int]:
    """Columns by name: the ten of CoNLL-U, or those `# global.columns` on the first line names."""
    first = text.partition("\n")[0]
    match = re.fullmatch(r"#\s*global\.columns\s*=\s*(.*)", first)
    names = match[1].lower().split() if match else list(BASIC)
    missing = [name for name in ("id", "form") if name not in names]
    if missing:
        raise CorpusError(f"{path}:1: global.columns lacks the column {missing[0].upper()}")
    return {name: i for i, name in enumerate(names)}


def _parse(
    block: list[str], first: int, columns: Mapping[str, int], path: Path
) -> tuple[list[Line], dict[str, str | None]]:
    """Rows with their line numbers, and comments, of one sentence."""
    from conllu.parser import parse_token_and_metadata

    numbers = [first + i for i, line in enumerate(block) if line[0] != "#"]
    for number in numbers:
        line = block[number - first]
        given = line.count("\t") + 1
        if given != len(columns):
            hint = " (columns stand between tabs, not spaces)" if given == 1 else ""
            raise CorpusError(f"{path}:{number}: {given} columns between tabs, expected {len(columns)}{hint}")
        if "  " in line:
            raise CorpusError(f"{path}:{number}: two spaces in a row inside a column, expected one at most")
    parsed = parse_token_and_metadata("\n".join(block), list(columns), _RAW)
    rows = [tuple(token.values()) for token in parsed]
    for number, row in zip(numbers, rows, strict=True):
        if len(row) != len(columns) or "" in row:
            at = row.index("") if "" in row else len(row)
            raise CorpusError(f"{path}:{number}: column {list(columns)[at].upper()} is empty, expected '_'")
    return list(zip(numbers, rows, strict=True)), dict(parsed.metadata)


def _entity_fields(header: str, where: str) -> entities.EntityFields:
    try:
        return entities.EntityFields.of(header)
    except ValueError as error:
        raise CorpusError(f"{where}: {error}") from error


def _fill(sentence: Sentence, lines: list[Line], columns: Mapping[str, int], tally: Tally, path: Path) -> None:
    """Sort the nodes of a sentence into words and the rest, with every check on ids and heads."""
    id_at, misc_at = columns["id"], columns.get("misc")
    spanned = 0  # last word of the last multi-word token
    for number, row in lines:
        before = len(sentence.rows)
        is_word = row[id_at] == str(before + 1)
        if is_word:
            sentence.rows.append(row)
            sentence.lines.append(number)
        else:
            spanned = _check_id(row[id_at], before, spanned, f"{path}:{number}")
        value = entities.value_of(row[misc_at]) if misc_at is not None and "Entity=" in row[misc_at] else ""
        if value and sentence.fields is None:
            tally[NO_HEADER] += 1
        elif value:
            try:
                sentence.nodes.append((before, before + is_word, entities.pieces(value)))
            except ValueError as error:
                raise CorpusError(f"{path}:{number}: {error}") from error
    if spanned > len(sentence.rows):
        raise CorpusError(
            f"{path}:{lines[-1][0]}: a multi-word token reaches to word {spanned}, "
            f"the sentence has {len(sentence.rows)} words"
        )
    if not sentence.rows:
        raise CorpusError(f"{path}:{sentence.line}: a sentence without words")
    sentence.heads = [_head(row, i, sentence, columns, path) for i, row in enumerate(sentence.rows)]


def _check_id(given: str, before: int, spanned: int, where: str) -> int:
    """Check the id of a multi-word token or an empty node after `before` words; the last word spanned so far."""
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


def _head(row: Row, i: int, sentence: Sentence, columns: Mapping[str, int], path: Path) -> int | None:
    given = row[columns["head"]] if "head" in columns else "_"
    if given == "_":
        return None
    where = f"{path}:{sentence.lines[i]}"
    if not (given.isascii() and given.isdecimal()):
        raise CorpusError(
            f"{where}: HEAD '{shortened(given)}' is not a number, expected 0 (a root) to {len(sentence.rows)}"
        )
    head = int(given) if len(given) <= 9 else NO_WORD
    if head > len(sentence.rows):
        raise CorpusError(
            f"{where}: HEAD {shortened(given)} is out of range, the sentence has {len(sentence.rows)} words"
        )
    if head == i + 1:
        raise CorpusError(f"{where}: HEAD {head} is the word itself")
    return head
