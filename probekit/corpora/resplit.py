"""Resplit: train, dev and test out of passages that come as one."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from probekit.corpora.passage import Passage, Split
from probekit.errors import CorpusError


def resplit(passages: Sequence[Passage], name: str) -> tuple[dict[Split, tuple[Passage, ...]], str]:
    """Eight tenths, one tenth and one tenth of the documents (of the sentences, where there are fewer than three
    documents), and a notice that says so. Which goes where depends on its name alone, never on chance.

    Raises CorpusError for fewer than three sentences.
    """
    documents = {passage.document for passage in passages}
    by_document = len(documents) >= 3
    keys = [passage.document if by_document else passage.id for passage in passages]
    units = sorted(set(keys), key=lambda key: hashlib.sha256(key.encode()).digest())
    if len(units) < 3:
        raise CorpusError(f"{name} has {len(units)} sentences, too few to split into train, dev and test")
    tenth = max(1, len(units) // 10)
    split_of: dict[str, Split] = dict.fromkeys(units, "train")
    split_of.update((unit, "dev") for unit in units[:tenth])
    split_of.update((unit, "test") for unit in units[tenth : 2 * tenth])
    splits: dict[Split, list[Passage]] = {"train": [], "dev": [], "test": []}
    for passage, key in zip(passages, keys, strict=True):
        splits[split_of[key]].append(passage)
    notice = (
        f"{name} is one file: its {len(units):,} {'documents' if by_document else 'sentences'} are split into "
        f"{len(units) - 2 * tenth:,} train, {tenth:,} dev and {tenth:,} test"
    )
    return {split: tuple(chosen) for split, chosen in splits.items()}, notice
