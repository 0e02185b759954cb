"""CoNLL-U and CoNLL-U Plus: the syntactic words of each sentence, with the annotations of all
columns.

Multi-word tokens (`1-2`) and empty nodes (`8.1`) are not words. A file without `# newdoc` is one
document, named after the file. Beyond CoNLL-U's columns: `PROBEKIT:CONST` holds one constituent
bracket bit per word, `PROBEKIT:PRED` the predicate's sense or `_`, and `PROBEKIT:ROLES` a bit for
each predicate, joined by `|`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence, Set
from pathlib import Path

from probekit.corpora.annotations import SpanAnnotation
from probekit.corpora.passage import Edge, Passage
from probekit.corpora.passages import Passages
from probekit.corpora.readers import brackets, entities
from probekit.corpora.readers.conllu_file import Sentence, read_columns, read_sentences
from probekit.corpora.readers.ignored import IGNORED_TEXT, IGNORED_TEXTS, MISSING
from probekit.corpora.readers.masks import unmasked
from probekit.corpora.readers.reading import Material, Reading, Tally, read_files

TAGS = ("lemma", "upos", "xpos", "feats", "misc", "deprel")
CONST, PRED, ROLES = "probekit:const", "probekit:pred", "probekit:roles"
BAD_CONSTITUENTS = "sentences go without constituents: their brackets do not pair up"
BAD_ROLES = (
    "sentences go without roles: their brackets do not pair up, or are not one per predicate"
)


def read(material: Material) -> Reading:
    """Read every split of a CoNLL-U corpus.

    Raises:
        CorpusError: with file and line, if it is unclear what the words are.
    """
    return read_files(material, read_file)


def read_file(path: Path, tally: Tally) -> Passages:
    """The sentences of one file.

    Masked ones are left out and counted; a column that holds only `_` is not an annotation.
    """
    columns = read_columns(path)
    lines: list[int] = []
    used: list[frozenset[str]] = []
    tallies: dict[int, Tally] = {}  # of the sentences that have something to count
    kinds: dict[frozenset[str], frozenset[str]] = {}  # equal sets are stored once

    def passages() -> Iterator[Passage]:
        for number, sentence in enumerate(read_sentences(path, columns, tally)):
            own = Tally()
            yield _passage(sentence, columns, own, path)
            lines.append(sentence.lines[0])
            own_used = _used(sentence, columns)
            used.append(kinds.setdefault(own_used, own_used))
            if own:
                tallies[number] = own

    found = Passages.of(passages())
    clear = unmasked(found, lambda i: f"{path}:{lines[i]}", tally)
    used_by_clear: set[str] = set()
    for i in clear.tolist():
        used_by_clear |= used[i]
        if i in tallies:
            tally.merge(tallies[i])
    if len(clear) < len(found):
        found = found.take(clear)
    return _with_annotations(found, used_by_clear)


def _used(sentence: Sentence, columns: Mapping[str, int]) -> frozenset[str]:
    """The columns with a value in a sentence; `entities` and `mentions` if it has any."""
    used: set[str] = set()
    for name, i in columns.items():
        if any(row[i] != "_" for row in sentence.rows):
            used.add(name)
    if sentence.nodes and sentence.fields is not None:
        used.update(("mentions",) if sentence.fields.type is None else ("entities", "mentions"))
    return frozenset(used)


def _with_annotations(passages: Passages, used: Set[str]) -> Passages:
    """The passages without annotations whose columns are empty in the whole file."""
    source = {"dependencies": {"head"}, "constituents": {CONST}, "roles": {PRED, ROLES}}
    tags = {name: annotation for name, annotation in passages.tags.items() if name in used}
    edges: dict[str, SpanAnnotation] = {}
    for name, annotation in passages.edges.items():
        if used & source.get(name, {name}):
            edges[name] = annotation
    return passages.replace(tags=tags, edges=edges)


def _passage(sentence: Sentence, columns: Mapping[str, int], tally: Tally, path: Path) -> Passage:
    """A sentence with the annotations of all its columns, used or not."""
    by_column = list(zip(*sentence.rows, strict=True))
    words = by_column[columns["form"]]
    where = f"{path}:{sentence.lines[0]}"
    tags: dict[str, tuple[str | None, ...]] = {}
    for name in TAGS:
        if name in columns:
            tags[name] = _tags(name, by_column[columns[name]], tally, where)
    if "lemma" in tags and "_" in words:  # the lemma of the word "_" is "_"
        tags["lemma"] = tuple(
            lemma or ("_" if word == "_" else None)
            for lemma, word in zip(tags["lemma"], words, strict=True)
        )
    edges: dict[str, tuple[Edge, ...]] = {}
    if sentence.heads:
        edges["dependencies"] = _dependencies(sentence, by_column, columns)
    if CONST in columns and set(bits := by_column[columns[CONST]]) != {"_"}:
        with brackets.absent_where_bad(BAD_CONSTITUENTS, path, sentence.lines, tally):
            edges["constituents"] = brackets.constituents(bits)
    if ROLES in columns:
        senses = by_column[columns[PRED]] if PRED in columns else None
        with brackets.absent_where_bad(BAD_ROLES, path, sentence.lines, tally):
            role_columns = _role_columns(by_column[columns[ROLES]], senses)
            edges["roles"] = brackets.roles(role_columns, tally, where)
    if sentence.fields is not None:
        edges["entities"], edges["mentions"] = entities.read_mentions(
            sentence.nodes, sentence.fields, tally, where
        )
    return Passage(sentence.id, sentence.document, words, tags, edges)


def _tags(name: str, column: Sequence[str], tally: Tally, where: str) -> tuple[str | None, ...]:
    if name == "lemma" or IGNORED_TEXT not in column:
        return tuple([None if value == "_" else value for value in column])
    tally.add(IGNORED_TEXTS.format(column=name), where, column.count(IGNORED_TEXT))
    return tuple([None if value in MISSING else value for value in column])


def _dependencies(
    sentence: Sentence, by_column: Sequence[Sequence[str]], columns: Mapping[str, int]
) -> tuple[Edge, ...]:
    """(head, dependent) and the relation; roots have no head."""
    relations = by_column[columns["deprel"]] if "deprel" in columns else ["_"] * len(sentence.heads)
    edges = []
    for i, (head, relation) in enumerate(zip(sentence.heads, relations, strict=True)):
        if head and relation != "_":
            edges.append(Edge(((head - 1, head), (i, i + 1)), relation))
    return tuple(edges)


def _role_columns(cells: Sequence[str], senses: Sequence[str] | None) -> list[tuple[str, ...]]:
    """One column of bits per predicate, from cells that join a word's bits with `|`."""
    if set(cells) == {"_"}:
        rows: list[list[str]] = [[] for _ in cells]
    else:
        rows = [cell.split("|") for cell in cells]
    expected = len(rows[0]) if senses is None else sum(sense != "_" for sense in senses)
    for word, row in enumerate(rows):
        if len(row) != expected:
            raise brackets.BracketError(
                f"{len(row)} role bits for {expected} predicates of the sentence", word
            )
    return list(zip(*rows, strict=True))
