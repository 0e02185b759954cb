"""CoNLL-2012 (`*_conll`, `*.gold_conll`): the format of OntoNotes 5, for those who own it.

Columns: document, part, word number, word, tag, constituents, predicate's lemma, its roleset, sense, speaker,
named entities, one column of roles a predicate, coreference.
"""

from __future__ import annotations

from pathlib import Path

from probekit.corpora.passage import Edge, Passage
from probekit.corpora.readers import brackets, entities
from probekit.corpora.readers.reading import Material, Reading, Tally, blocks, read_files, read_text
from probekit.errors import CorpusError
from probekit.foreign import shortened

FIXED = 11  # columns before the roles; coreference follows them
ESCAPES = {
    "-LRB-": "(", "-RRB-": ")", "-LCB-": "{", "-RCB-": "}", "-LSB-": "[", "-RSB-": "]", "/.": ".", "/?": "?",
}  # fmt: skip
"""How the Penn Treebank writes some words; a model reads them as they were."""

_CHAINS = entities.EntityFields(id=0, type=None, count=1)


def read(material: Material) -> Reading:
    """Every split of a CoNLL-2012 corpus.

    Raises CorpusError, with file and line, for a row with too few columns, brackets that do not pair up, and a
    skeleton without words.
    """
    return read_files(material, read_file)


def read_file(path: Path, tally: Tally) -> list[Passage]:
    """The sentences of one file."""
    passages: list[Passage] = []
    for first, block in blocks(read_text(path)):
        numbers = [first + i for i, line in enumerate(block) if line[0] != "#"]
        if numbers:
            rows = [block[number - first].split() for number in numbers]
            _check(rows, numbers, path)
            passages.append(_passage(rows, numbers, f"{len(passages) + 1}", path, tally))
    return passages


def _check(rows: list[list[str]], numbers: list[int], path: Path) -> None:
    for number, row in zip(numbers, rows, strict=True):
        if len(row) <= FIXED:
            raise CorpusError(f"{path}:{number}: {len(row)} columns, expected at least {FIXED + 1}")
        if len(row) != len(rows[0]):
            raise CorpusError(f"{path}:{number}: {len(row)} columns, the sentence began with {len(rows[0])}")
        if row[3] == "[WORD]":
            raise CorpusError(f"{path}:{number}: a skeleton without words ([WORD]); OntoNotes' own script puts them in")


def _passage(rows: list[list[str]], numbers: list[int], name: str, path: Path, tally: Tally) -> Passage:
    columns = list(zip(*rows, strict=True))
    document = f"{rows[0][0]}_{rows[0][1]}"
    tags = {"xpos": columns[4], "speaker": columns[9]}
    try:
        edges = {
            "constituents": brackets.constituents(columns[5]),
            "roles": brackets.roles(columns[FIXED:-1], tally),
            "entities": tuple(Edge((span,), label) for span, label in brackets.spans(columns[10])),
            "mentions": _mentions(columns[-1], tally),
        }
    except brackets.BracketError as error:
        raise CorpusError(f"{path}:{numbers[error.word]}: {error}") from error
    return Passage(
        id=f"{document}-{name}",
        document=document,
        words=tuple(ESCAPES.get(word, word) for word in columns[3]),
        tags={layer: tuple(None if v == "-" else v for v in values) for layer, values in tags.items()},
        edges=edges,
    )


def _mentions(cells: tuple[str, ...], tally: Tally) -> tuple[Edge, ...]:
    """Mentions by chain, from cells such as `(12|(3)` and `12)`."""
    nodes = []
    for i, cell in enumerate(cells):
        if cell not in ("-", "_", "*"):
            try:
                nodes.append((i, i + 1, entities.pieces(cell.replace("|", ""))))
            except ValueError:
                raise brackets.BracketError(
                    f"'{shortened(cell)}' is not coreference such as '(1', '1)' or '-'", i
                ) from None
    return entities.read_mentions(nodes, _CHAINS, tally)[1]
