"""CoNLL-2012 (`*_conll`, `*.gold_conll`): the format of OntoNotes 5, and of other corpora with
coreference.

Columns: document, part, word number, word, tag, constituents, predicate's lemma, its roleset,
sense, speaker, named entities, one column of roles per predicate, coreference. A column that holds
only `-`, `_` or `*` in a file is not an annotation. An annotation that cannot be read is absent for
its sentence, counted and located.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from probekit.corpora.passage import Edge, Passage
from probekit.corpora.passages import Passages
from probekit.corpora.readers import brackets, entities
from probekit.corpora.readers.ignored import IGNORED_TEXT, IGNORED_TEXTS, MISSING
from probekit.corpora.readers.masks import without_masked
from probekit.corpora.readers.reading import (
    Material,
    Reading,
    Tally,
    blocks,
    read_files,
    read_lines,
)
from probekit.errors import CorpusError
from probekit.foreign import shortened

FIXED = 11  # columns before the roles; coreference follows them
ESCAPES = {
    "-LRB-": "(",
    "-RRB-": ")",
    "-LCB-": "{",
    "-RCB-": "}",
    "-LSB-": "[",
    "-RSB-": "]",
    "/.": ".",
    "/?": "?",
}
"""How the Penn Treebank writes some words, and what a model reads instead."""
NOTHING = frozenset({"-", "_"})  # a cell without annotation
BLANK = NOTHING | MISSING
_BIT = re.compile(r"[^*]\*|\*[^*]")  # in bracket bits, never in coreference
_MENTIONS = re.compile(r"[()|0-9]+")

BAD_CONSTITUENTS = "sentences go without constituents: their brackets do not pair up"
BAD_ROLES = "sentences go without roles: their brackets do not pair up"
BAD_ENTITIES = "sentences go without entities: their brackets do not pair up"
BAD_MENTIONS = "sentences go without mentions: a cell is not coreference such as '(1', '1)' or '-'"

_CHAINS = entities.EntityFields(id=0, type=None, count=1)


class _Sentence(NamedTuple):
    """Columns of a sentence, and the line of each word."""

    columns: list[tuple[str, ...]]
    lines: list[int]

    @property
    def document(self) -> str:
        return f"{self.columns[0][0]}_{self.columns[1][0]}"


def read(material: Material) -> Reading:
    """Read every split of a CoNLL-2012 corpus.

    Raises:
        CorpusError: with file and line, for a row with too few or too many columns.
    """
    return read_files(material, read_file)


def read_file(path: Path, tally: Tally) -> Passages:
    """The sentences of one file. Masked ones are left out and counted."""
    lines: list[int] = []
    used: set[str] = set()
    later, of_roles = Tally(), Tally()

    def passages() -> Iterator[Passage]:
        for number, sentence in enumerate(_sentences(path), 1):
            lines.append(sentence.lines[0])
            used.update(_used(sentence, used))
            yield _passage(sentence, number, path, later, of_roles)

    found = Passages.of(passages())
    tally.merge(later)
    if "roles" in used:
        tally.merge(of_roles)
    found = found.replace(
        tags={name: annotation for name, annotation in found.tags.items() if name in used},
        edges={name: annotation for name, annotation in found.edges.items() if name in used},
    )
    return without_masked(found, lambda i: f"{path}:{lines[i]}", tally)


def _sentences(path: Path) -> Iterator[_Sentence]:
    for first, block in blocks(read_lines(path)):
        lines = [first + i for i, line in enumerate(block) if line[0] != "#"]
        if lines:
            rows = _rows([block[line - first] for line in lines])
            _check(rows, lines, path)
            yield _Sentence(list(zip(*rows, strict=True)), lines)


def _rows(lines: Sequence[str]) -> list[list[str]]:
    """The cells of each line, separated by tabs or else by spaces.

    An empty cell becomes `-`, and so does missing coreference, with or without a space before it.
    """
    rows = [_cells(line) for line in lines]
    width = max(len(row) for row in rows)
    whole = [row for row in rows if len(row) == width]
    no_coreference = width == FIXED or any(_BIT.search(row[-1]) for row in whole)
    mentions_only = all(_MENTIONS.fullmatch(row[-1]) for row in whole)
    for line, row in zip(lines, rows, strict=True):
        if no_coreference:
            if len(row) == width:
                row.append("-")
        elif len(row) == width - 1 and (mentions_only or line[-1].isspace()):
            row.append("-")
    return rows


def _cells(line: str) -> list[str]:
    cells = [cell.strip() or "-" for cell in line.split("\t")]
    return cells if len(cells) > FIXED else line.split()


def _check(rows: list[list[str]], lines: list[int], path: Path) -> None:
    for line, row in zip(lines, rows, strict=True):
        if len(row) <= FIXED:
            raise CorpusError(f"{path}:{line}: {len(row)} columns, expected at least {FIXED + 1}")
        if len(row) != len(rows[0]):
            raise CorpusError(
                f"{path}:{line}: {len(row)} columns, the sentence began with {len(rows[0])}"
            )


def _used(sentence: _Sentence, known: Collection[str]) -> set[str]:
    """The annotations not in `known` that have a cell with a value."""
    columns = sentence.columns
    places = {
        "xpos": [columns[4]],
        "speaker": [columns[9]],
        "constituents": [columns[5]],
        "entities": [columns[10]],
        "roles": columns[FIXED:-1],
        "mentions": [columns[-1]],
    }
    used: set[str] = set()
    for name, found in places.items():
        if name not in known and any(not _is_blank(column) for column in found):
            used.add(name)
    return used


def _is_blank(column: Sequence[str]) -> bool:
    return NOTHING.union("*").issuperset(column)


def _passage(
    sentence: _Sentence, number: int, path: Path, tally: Tally, of_roles: Tally
) -> Passage:
    """A sentence with all annotations, whether its file has them or not.

    `of_roles` counts what is left out of roles, `tally` the rest.
    """
    columns, lines = sentence
    where = f"{path}:{lines[0]}"
    edges: dict[str, tuple[Edge, ...]] = {}
    if not NOTHING.issuperset(columns[5]):
        with brackets.absent_where_bad(BAD_CONSTITUENTS, path, lines, tally):
            edges["constituents"] = brackets.constituents(_bits(columns[5]))
    with brackets.absent_where_bad(BAD_ROLES, path, lines, of_roles):
        used = [column for column in columns[FIXED:-1] if not NOTHING.issuperset(column)]
        edges["roles"] = brackets.roles([_bits(column) for column in used], of_roles, where)
    if not NOTHING.issuperset(columns[10]):
        with brackets.absent_where_bad(BAD_ENTITIES, path, lines, tally):
            labelled = brackets.spans(_bits(columns[10]))
            edges["entities"] = tuple(Edge((span,), label) for span, label in labelled)
    with brackets.absent_where_bad(BAD_MENTIONS, path, lines, tally):
        edges["mentions"] = _mentions(columns[-1], tally, where)
    tags: dict[str, tuple[str | None, ...]] = {}
    for name, column in (("xpos", columns[4]), ("speaker", columns[9])):
        if IGNORED_TEXT in column:
            tally.add(IGNORED_TEXTS.format(column=name), where, column.count(IGNORED_TEXT))
        tags[name] = tuple(None if value in BLANK else value for value in column)
    return Passage(
        id=f"{sentence.document}-{number}",
        document=sentence.document,
        words=tuple(ESCAPES.get(word, word) for word in columns[3]),
        tags=tags,
        edges=edges,
    )


def _bits(column: Sequence[str]) -> list[str]:
    """A column's bracket bits, `*` for cells without annotation."""
    return ["*" if cell in NOTHING else cell for cell in column]


def _mentions(cells: Sequence[str], tally: Tally, where: str) -> tuple[Edge, ...]:
    """Mentions by chain, from cells such as `(12|(3)` and `12)`."""
    nodes = []
    for i, cell in enumerate(cells):
        if cell not in NOTHING and cell != "*":
            try:
                nodes.append((i, i + 1, entities.split_brackets(cell.replace("|", ""))))
            except ValueError:
                raise brackets.BracketError(f"'{shortened(cell)}' is not coreference", i) from None
    return entities.read_mentions(nodes, _CHAINS, tally, where)[1]
