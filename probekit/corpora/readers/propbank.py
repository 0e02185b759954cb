"""Universal Dependencies joined with PropBank: constituents and roles for the sentences of English
EWT.

PropBank's release holds `…/GENRE/NN/DOC.xml.gold_skel`, the annotations without the words; UD calls
the same document `GENRE-DOC`, and PropBank's sentence k (from 0) is UD's number k + 1, at the end
of its `sent_id`. If the two have different numbers of words, or PropBank lacks the sentence, or its
annotation cannot be read, the sentence has its UD annotations only.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import PurePosixPath
from typing import NamedTuple

import numpy as np

from probekit.corpora.passage import Edge, Passage
from probekit.corpora.passages import Passages
from probekit.corpora.readers import brackets, conllu
from probekit.corpora.readers.conll2012 import BAD_CONSTITUENTS, BAD_ROLES
from probekit.corpora.readers.reading import Material, Reading, Tally, blocks
from probekit.errors import CorpusError

SUFFIX = ".xml.gold_skel"
FIXED = 8  # columns before the roles: document … tag, constituents, predicate's lemma, its roleset

BAD_ROWS = "sentences go without roles and constituents: their rows differ in the number of columns"

_NUMBER = re.compile(r"[0-9]{1,9}")


class _Document(NamedTuple):
    path: str
    sentences: dict[int, tuple[int, str]]  # by number: the first line's number, the lines


def read(material: Material) -> Reading:
    """Read UD's splits, with PropBank's `constituents` and `roles` for sentences that agree.

    Raises:
        CorpusError: as the CoNLL-U reader does, and for a PropBank file that does not number its
            sentences.
    """
    reading = conllu.read(material)
    documents = {_ud_name(path): _document(path, raw) for path, raw in material.archive.items()}
    outcome: Counter[str] = Counter()
    for split, passages in reading.splits.items():
        joined = Passages.of(_joined(passages, documents, outcome, reading.tally))
        reading.splits[split] = passages.replace(edges={**passages.edges, **joined.edges})
    reading.warnings.append(
        f"{outcome['joined']:,} of {outcome.total():,} sentences are joined with PropBank; "
        f"{outcome['differs']:,} that have another number of words there and "
        f"{outcome['lacking']:,} in documents that PropBank lacks go without roles and constituents"
    )
    return reading


def _ud_name(path: str) -> str:
    parts = PurePosixPath(path).parts
    return f"{parts[-3]}-{parts[-1].removesuffix(SUFFIX)}"


def _document(path: str, raw: bytes) -> _Document:
    """The sentences of a PropBank file, not yet parsed."""
    try:
        text = raw.decode("ascii")
    except UnicodeDecodeError as error:
        wrong = f"byte {error.start} is not ASCII"
        raise CorpusError(f"{path}: not a PropBank skeleton ({wrong})") from error
    sentences = {}
    for first, lines in blocks(text.split("\n")):
        number = lines[0].split(maxsplit=2)[1:2]
        if not number or not _NUMBER.fullmatch(number[0]):
            raise CorpusError(f"{path}:{first}: no sentence number in the second column")
        sentences[int(number[0])] = (first, "\n".join(lines))
    return _Document(path, sentences)


def _joined(
    passages: Passages, documents: Mapping[str, _Document], outcome: Counter[str], tally: Tally
) -> Iterator[Passage]:
    """A passage without words for each of `passages`, with PropBank's annotations of it."""
    for name, length in zip(passages.ids.texts(), np.diff(passages.offsets).tolist(), strict=True):
        yield Passage("", "", (), {}, _found(name, length, documents, outcome, tally))


def _found(
    sentence: str,
    length: int,
    documents: Mapping[str, _Document],
    outcome: Counter[str],
    tally: Tally,
) -> dict[str, tuple[Edge, ...]]:
    name, _, number = sentence.rpartition("-")
    if name not in documents or not _NUMBER.fullmatch(number):
        outcome["lacking"] += 1
        return {}
    path, sentences = documents[name]
    first, text = sentences.get(int(number) - 1, (0, ""))
    lines = text.split("\n") if text else []
    if len(lines) != length:
        outcome["differs"] += 1
        return {}
    outcome["joined"] += 1
    return _edges(lines, path, first, tally)


def _edges(lines: list[str], path: str, first: int, tally: Tally) -> dict[str, tuple[Edge, ...]]:
    rows = [line.split() for line in lines]
    for i, row in enumerate(rows):
        if len(row) != len(rows[0]) or len(row) < FIXED:
            expected = max(len(rows[0]), FIXED)
            tally.add(BAD_ROWS, f"{path}:{first + i}: {len(row)} columns, expected {expected}")
            return {}
    columns = list(zip(*rows, strict=True))
    numbers = range(first, first + len(lines))
    edges: dict[str, tuple[Edge, ...]] = {}
    with brackets.absent_where_bad(BAD_CONSTITUENTS, path, numbers, tally):
        edges["constituents"] = brackets.constituents(columns[5])
    with brackets.absent_where_bad(BAD_ROLES, path, numbers, tally):
        edges["roles"] = brackets.roles(columns[FIXED:], tally, f"{path}:{first}")
    return edges
