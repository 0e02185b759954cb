"""Tidy: rules for every corpus, whatever its reader: splits share no document, passages no id."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import pairwise

import numpy as np

from probekit.corpora.passage import SPLITS, Passage, Split
from probekit.corpora.passages import Passages
from probekit.corpora.runs import places_in
from probekit.corpora.tally import Tally
from probekit.corpora.texts import Texts

SHARED = "sentences of the {split} split are left out: their documents are in a later split as well"
RENAMED = "sentences are renamed: an earlier one has the same id"

LONG = 5  # fewest words of a shared sentence: shorter ones ("Thank you .") recur by chance
SHARE = 0.01  # from this share of training sentences on, dev or test gets a warning

# Splits whose sentences may be in another one, and what that does.
_PAIRS: dict[Split, dict[Split, str]] = {
    "train": {"dev": "scores on dev are too high", "test": "scores on test are too high"},
    "dev": {"test": "choices made on dev favour test"},
}

Splits = Mapping[Split, Sequence[Passage]]


def disjoint(splits: Splits, tally: Tally) -> dict[Split, Passages]:
    """Splits without the documents (by name and words) that a later split has too.

    No probe may be trained on its test data.
    """
    given = {split: Passages.of(passages) for split, passages in splits.items()}
    result = dict(given)
    in_several = _in_several(given.values())
    held: dict[str, set[tuple[str | None, ...]]] = {name: set() for name in in_several}
    for split in reversed([split for split in SPLITS if split in given]):
        passages = given[split]
        shared = np.zeros(len(passages), dtype=bool)
        for name, members in _members(passages, in_several):
            words = passages.words.take(places_in(passages.offsets, members))
            text = tuple(words.values())
            shared[members] = text in held[name]
            held[name].add(text)
        if shared.any():
            first = passages[int(shared.argmax())]
            tally.add(SHARED.format(split=split), first.id, int(shared.sum()))
            result[split] = passages.take(np.flatnonzero(~shared))
    return result


def _in_several(splits: Iterable[Passages]) -> set[str]:
    """Names of the documents that are in more than one split."""
    times = Counter[str]()
    for passages in splits:
        times.update(passages.documents.kinds())
    return {name for name, count in times.items() if count > 1}


def _members(passages: Passages, documents: set[str]) -> Iterator[tuple[str, np.ndarray]]:
    """The `documents` that are in a split, each with the numbers of its passages."""
    named = passages.documents
    order = np.argsort(named.numbers, kind="stable")
    borders = np.searchsorted(named.numbers[order], [named.distinct(), named.distinct() + 1])
    for name, start, stop in zip(named.kinds(), *borders.tolist(), strict=True):
        if name in documents:
            yield name, order[start:stop]


def distinct(splits: Splits, tally: Tally) -> dict[Split, Passages]:
    """The same passages; where an earlier one has the same id, a number is added to it."""
    given = {split: Passages.of(passages) for split, passages in splits.items()}
    ids = Texts.joined([passages.ids for passages in given.values()])
    if len(ids.distinct()) == len(ids):
        return given
    times: Counter[str] = Counter()
    return {split: _renamed(passages, times, tally) for split, passages in given.items()}


def _renamed(passages: Passages, times: Counter[str], tally: Tally) -> Passages:
    ids = []
    for name in passages.ids.texts():
        times[name] += 1
        if times[name] > 1:
            tally.add(RENAMED, f"'{name}'")
        ids.append(name if times[name] == 1 else f"{name}~{times[name]}")
    return passages.replace(ids=Texts.of(ids))


def overlap(splits: Splits) -> list[str]:
    """A warning for each of dev and test if at least `SHARE` of its sentences are in train too, and
    for test if as many are in dev.

    Sentences are the same if their words are; those of fewer than `LONG` words do not count.
    """
    given = {split: Passages.of(splits.get(split, ())) for split in SPLITS}
    warnings: list[str] = []
    for other, held_out in _PAIRS.items():
        others = given[other]
        known = set(_sequences(others, others.words.numbers))
        for split, effect in held_out.items():
            warnings += _shared(given[split], split, others, known, f"in {other} as well", effect)
    return warnings


def _shared(
    passages: Passages, name: Split, others: Passages, known: set[bytes], where: str, effect: str
) -> Iterator[str]:
    """A warning if at least `SHARE` of the passages are among the others, whose words are known."""
    counted = int((np.diff(passages.offsets) >= LONG).sum())
    numbers = passages.words.numbered_as(others.words)
    shared = sum(sequence in known for sequence in _sequences(passages, numbers))
    if shared and shared >= SHARE * counted:
        yield (
            f"{shared:,} of {counted:,} {name} sentences ({shared / counted:.0%}) "
            f"are word for word {where} "
            f"(sentences of fewer than {LONG} words not counted): {effect}"
        )


def _sequences(passages: Passages, numbers: np.ndarray) -> Iterator[bytes]:
    """The numbers of the words of each sentence of at least `LONG` words."""
    for start, stop in pairwise(passages.offsets.tolist()):
        if stop - start >= LONG:
            yield numbers[start:stop].tobytes()
