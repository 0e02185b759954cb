"""Universal Dependencies joined with PropBank: constituents and roles for the sentences of English EWT.

PropBank's release holds `…/GENRE/NN/DOC.xml.gold_skel`, the annotations without the words; UD calls the same
document `GENRE-DOC`, and PropBank's sentence k (from 0) is UD's number k + 1, at the end of its `sent_id`. Where
the two have different numbers of words, or PropBank lacks the sentence, it keeps its UD layers and goes without.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from pathlib import PurePosixPath
from typing import NamedTuple

from probekit.corpora.passage import Edge, Passage
from probekit.corpora.readers import brackets, conllu
from probekit.corpora.readers.reading import Material, Reading, Tally, blocks
from probekit.errors import CorpusError

SUFFIX = ".xml.gold_skel"
FIXED = 8  # document, sentence, word, form, tag, constituents, predicate's lemma, its roleset; then the roles


_NUMBER = re.compile(r"[0-9]{1,9}")


class _Document(NamedTuple):
    path: str
    sentences: dict[int, tuple[int, list[str]]]  # by number: the first line's number, the lines


def read(material: Material) -> Reading:
    """UD's splits, each sentence with PropBank's `constituents` and `roles` where the two agree.

    Raises CorpusError as the CoNLL-U reader does, and for a PropBank file that is malformed.
    """
    reading = conllu.read(material)
    documents = {_ud_name(path): _document(path, raw) for path, raw in material.archive.items()}
    outcome: Counter[str] = Counter()
    for split, passages in reading.splits.items():
        joined = (_join(passage, documents, outcome, reading.tally) for passage in passages)
        reading.splits[split] = tuple(joined)
    reading.notices.append(
        f"{outcome['joined']:,} of {outcome.total():,} sentences are joined with PropBank; "
        f"{outcome['differs']:,} that have another number of words there and {outcome['lacking']:,} in documents "
        f"that PropBank lacks go without roles and constituents"
    )
    return reading


def _ud_name(path: str) -> str:
    parts = PurePosixPath(path).parts
    return f"{parts[-3]}-{parts[-1].removesuffix(SUFFIX)}"


def _document(path: str, raw: bytes) -> _Document:
    """The sentences of a PropBank file, not yet taken apart."""
    try:
        text = raw.decode("ascii")
    except UnicodeDecodeError as error:
        raise CorpusError(f"{path}: not a PropBank skeleton (byte {error.start} is not ASCII)") from error
    sentences = {}
    for first, lines in blocks(text):
        number = lines[0].split(maxsplit=2)[1:2]
        if not number or not _NUMBER.fullmatch(number[0]):
            raise CorpusError(f"{path}:{first}: no sentence number in the second column")
        sentences[int(number[0])] = (first, lines)
    return _Document(path, sentences)


def _join(passage: Passage, documents: Mapping[str, _Document], outcome: Counter[str], tally: Tally) -> Passage:
    name, _, number = passage.id.rpartition("-")
    if name not in documents or not _NUMBER.fullmatch(number):
        outcome["lacking"] += 1
        return passage
    path, sentences = documents[name]
    first, lines = sentences.get(int(number) - 1, (0, []))
    if len(lines) != len(passage.words):
        outcome["differs"] += 1
        return passage
    outcome["joined"] += 1
    return replace(passage, edges={**passage.edges, **_edges(lines, path, first, tally)})


def _edges(lines: list[str], path: str, first: int, tally: Tally) -> dict[str, tuple[Edge, ...]]:
    rows = [line.split() for line in lines]
    for i, row in enumerate(rows):
        if len(row) != len(rows[0]) or len(row) < FIXED:
            expected = max(len(rows[0]), FIXED)
            raise CorpusError(f"{path}:{first + i}: {len(row)} columns, expected {expected}")
    columns = list(zip(*rows, strict=True))
    try:
        return {
            "constituents": brackets.constituents(columns[5]),
            "roles": brackets.roles(columns[FIXED:], tally),
        }
    except brackets.BracketError as error:
        raise CorpusError(f"{path}:{first + error.word}: {error}") from error
