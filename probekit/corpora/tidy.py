"""Tidy: what must hold of every corpus, whatever its reader: splits share no document, passages no id."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace

from probekit.corpora.passage import SPLITS, Passage, Split

SHARED = "sentences of the {split} split are left out: their documents stand in a later split as well"
RENAMED = "sentences are renamed: their id came before"

LONG = 5  # words a sentence has at least to count as shared: shorter ones ("Thank you .") come back by chance
SHARE = 0.01  # of such sentences that may stand in train as well without a warning

Splits = Mapping[Split, tuple[Passage, ...]]


def disjoint(splits: Splits, tally: Counter[str]) -> dict[Split, tuple[Passage, ...]]:
    """Splits without the documents (by name and words) that a later split holds too: what is tested on must not
    be trained on."""
    result: dict[Split, tuple[Passage, ...]] = {}
    held: dict[str, set[tuple[str, ...]]] = {}
    for split in reversed([split for split in SPLITS if split in splits]):
        texts = _texts(splits[split])
        shared = {document for document, text in texts.items() if text in held.get(document, ())}
        result[split] = tuple(passage for passage in splits[split] if passage.document not in shared)
        tally[SHARED.format(split=split)] += len(splits[split]) - len(result[split])
        for document, text in texts.items():
            held.setdefault(document, set()).add(text)
    return {split: result[split] for split in splits}


def _texts(passages: Sequence[Passage]) -> dict[str, tuple[str, ...]]:
    words: dict[str, list[str]] = {}
    for passage in passages:
        words.setdefault(passage.document, []).extend(passage.words)
    return {document: tuple(text) for document, text in words.items()}


def distinct(splits: Splits, tally: Counter[str]) -> dict[Split, tuple[Passage, ...]]:
    """The same passages, those whose id came before with a number behind it."""
    times: Counter[str] = Counter()
    return {split: tuple(_named(passage, times, tally) for passage in splits[split]) for split in splits}


def _named(passage: Passage, times: Counter[str], tally: Counter[str]) -> Passage:
    times[passage.id] += 1
    if times[passage.id] == 1:
        return passage
    tally[RENAMED] += 1
    return replace(passage, id=f"{passage.id}~{times[passage.id]}")


def overlap(splits: Splits) -> list[str]:
    """A warning for each of dev and test of which at least `SHARE` of the sentences are training sentences too.

    Sentences count by their sequence of words; those of fewer than `LONG` words do not count.
    """
    warnings = []
    trained = {passage.words for passage in splits.get("train", ())}
    held_out: tuple[Split, ...] = ("dev", "test")
    for split in held_out:
        counted = [passage for passage in splits.get(split, ()) if len(passage.words) >= LONG]
        shared = sum(passage.words in trained for passage in counted)
        if shared and shared >= SHARE * len(counted):
            warnings.append(
                f"{shared:,} of {len(counted):,} {split} sentences ({shared / len(counted):.0%}) stand word for word "
                f"in train as well (sentences of fewer than {LONG} words not counted): scores on {split} are too high"
            )
    return warnings
