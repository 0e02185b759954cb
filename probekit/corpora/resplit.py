"""Resplit: train, dev and test out of passages that come as one."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import numpy as np

from probekit.corpora.passage import SPLITS, Passage, Split
from probekit.corpora.passages import Passages
from probekit.errors import CorpusError


def resplit(passages: Sequence[Passage], name: str) -> tuple[dict[Split, Passages], str]:
    """Eight tenths, one tenth and one tenth of the documents (of the sentences, where there are
    fewer than three documents), and a notice that says so. Which goes where depends on its name
    alone, never on chance.

    Raises CorpusError for fewer than three sentences.
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
    split_of = np.zeros(len(keys.vocabulary), dtype=np.int8)  # a place in SPLITS
    split_of[numbers[order[:tenth]]] = 1
    split_of[numbers[order[tenth : 2 * tenth]]] = 2
    split = split_of[keys.numbers]
    notice = (
        f"{name} is one file: its {len(order):,} {'documents' if by_document else 'sentences'} are split into "
        f"{len(order) - 2 * tenth:,} train, {tenth:,} dev and {tenth:,} test"
    )
    return {
        called: whole.take(np.flatnonzero(split == i)) for i, called in enumerate(SPLITS)
    }, notice
