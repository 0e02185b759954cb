"""Resplit: one sequence of passages is divided into train, dev and test."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import numpy as np

from probekit.corpora.passage import SPLITS, Passage, Split
from probekit.corpora.passages import Passages
from probekit.errors import CorpusError


def resplit(passages: Sequence[Passage], name: str) -> tuple[dict[Split, Passages], str]:
    """Divide passages by document, or by sentence if there are fewer than three documents.

    The split of a document depends on its name alone, never on chance.

    Returns:
        The splits, of eight, one and one tenth of the documents, and a warning that says so.

    Raises:
        CorpusError: for fewer than three sentences.
    """
    whole = Passages.of(passages)
    by_document = len(whole.documents.distinct()) >= 3
    keys = whole.documents if by_document else whole.ids
    numbers = keys.distinct()
    digests = [hashlib.sha256(key.encode()).digest() for key in keys.kinds()]
    order = sorted(range(len(digests)), key=digests.__getitem__)
    if len(order) < 3:
        raise CorpusError(
            f"{name} has {len(order)} sentences, too few to split into train, dev and test"
        )
    tenth = max(1, len(order) // 10)
    split_of = np.zeros(len(keys.vocabulary), dtype=np.int8)  # index into SPLITS
    split_of[numbers[order[:tenth]]] = 1
    split_of[numbers[order[tenth : 2 * tenth]]] = 2
    numbers_of_splits = split_of[keys.numbers]
    splits: dict[Split, Passages] = {}
    for i, split in enumerate(SPLITS):
        splits[split] = whole.take(np.flatnonzero(numbers_of_splits == i))
    unit = "documents" if by_document else "sentences"
    warning = (
        f"{name} is one file: its {len(order):,} {unit} are split into "
        f"{len(order) - 2 * tenth:,} train, {tenth:,} dev and {tenth:,} test"
    )
    return splits, warning
