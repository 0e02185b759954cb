"""Alignment: which subwords belong to which word, and how long texts are cut into windows.

Words are joined by single spaces, the tokenizer reads that text once, and each subword goes to the
word whose characters it covers (by the tokenizer's own offsets). Everything is computed for many
texts at once. A tokenizer without offsets (characters, bytes, old slow ones) reads word by word
instead, each after its space.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any

import numpy as np

NO_WORD = -1
OVERLAP = 3  # neighbouring windows share a third of their subwords


@dataclass(frozen=True)
class Subwords:
    """The subwords of one text.

    Attributes:
        ids: `(n,)` vocabulary ids, without special tokens.
        word: `(n,)` index of the word of each subword, never decreasing. Subwords without a word
            are marked NO_WORD: the model reads them, and no word's vector includes them.
        n_words: number of words of the text.
    """

    ids: np.ndarray
    word: np.ndarray
    n_words: int


@dataclass(frozen=True)
class Window:
    """A run of subwords that the model reads in one pass.

    Attributes:
        text: number of the text.
        start, stop: the subwords read.
        own: `(n,)` positions, among the subwords read, of those whose words take their vector from
            this window.
        word: `(n,)` indices of the words of these subwords.
    """

    text: int
    start: int
    stop: int
    own: np.ndarray
    word: np.ndarray


def align(texts: Sequence[Sequence[str]], tokenizer: Any) -> list[Subwords]:
    """The subwords of each text.

    Args:
        texts: sequences of words.
        tokenizer: one of Hugging Face, or one that is called in the same way.
    """
    if not tokenizer.is_fast:
        return _align_by_word(texts, tokenizer)
    joined = [" ".join(words) for words in texts]
    encoded = tokenizer(
        joined,
        add_special_tokens=False,
        return_offsets_mapping=True,
        return_attention_mask=False,
        return_token_type_ids=False,
        truncation=False,
        padding=False,
        verbose=False,
    )
    counts = [len(ids) for ids in encoded["input_ids"]]
    pairs = chain.from_iterable(encoded["offset_mapping"])
    offsets = np.fromiter(chain.from_iterable(pairs), dtype=np.int64).reshape(-1, 2)
    # All texts as one, joined by spaces as their words are, so that numpy runs only once.
    begins = np.cumsum([0] + [len(text) + 1 for text in joined])[:-1]
    first_word = np.cumsum([0] + [len(words) for words in texts])[:-1]
    offsets += np.repeat(begins, counts)[:, None]
    owner = words_of_subwords(list(chain.from_iterable(texts)), offsets)
    in_text = owner - np.repeat(first_word, counts)
    owner = np.where(owner == NO_WORD, NO_WORD, in_text)
    ids = np.fromiter(chain.from_iterable(encoded["input_ids"]), dtype=np.int64)
    borders = np.cumsum(counts)[:-1]
    ids_of_texts, owner_of_texts = np.split(ids, borders), np.split(owner, borders)
    found = []
    for of_text, words_of_text, words in zip(ids_of_texts, owner_of_texts, texts, strict=True):
        found.append(Subwords(of_text, words_of_text, len(words)))
    return found


def _align_by_word(texts: Sequence[Sequence[str]], tokenizer: Any) -> list[Subwords]:
    """The subwords of each text from a tokenizer without offsets: each word is read by itself,
    after its space.

    Subwords that are only the space have no word.
    """
    known: dict[str, tuple[list[int], int]] = {}

    def subwords_of(text: str) -> tuple[list[int], int]:
        """Ids, and how many of the first ones are a space."""
        if text not in known:
            ids = tokenizer.encode(text, add_special_tokens=False)
            spaces = 0
            if text.startswith(" "):
                space = tokenizer.encode(" ", add_special_tokens=False)
                if len(ids) > len(space) and ids[: len(space)] == space:
                    spaces = len(space)
            known[text] = ids, spaces
        return known[text]

    found = []
    for words in texts:
        ids: list[int] = []
        owner: list[int] = []
        for i, word in enumerate(words):
            own, spaces = subwords_of(f" {word}" if i else word)
            ids += own
            owner += [NO_WORD] * spaces + [i] * (len(own) - spaces)
        found.append(
            Subwords(np.array(ids, dtype=np.int64), np.array(owner, dtype=np.int64), len(words))
        )
    return found


def words_of_subwords(words: Sequence[str], offsets: np.ndarray) -> np.ndarray:
    """The index of the word that each subword covers, or NO_WORD: `(n,)`.

    A subword over two words, which some vocabularies have, goes to the word of which it covers
    most; in a tie, to the first. A subword that covers only the space between two words has no
    word.

    Args:
        words: the words, which are joined by single spaces in the text.
        offsets: `(n, 2)` for each subword, its first character in the text and the one after its
            last.

    >>> words_of_subwords(["a", "dog"], np.array([[0, 1], [1, 4], [4, 5]])).tolist()  # "a dog"
    [0, 1, 1]
    """
    lengths = np.array([len(word) for word in words], dtype=np.int64)
    ends = np.cumsum(lengths + 1) - 1
    starts = ends - lengths
    first = np.searchsorted(ends, offsets[:, 0], side="right")
    first = np.minimum(first, len(words) - 1)
    covered = _overlap(offsets, starts, ends, first)
    result = np.where(covered > 0, first, NO_WORD)
    is_longer = (offsets[:, 1] > ends[first]) & (offsets[:, 1] > offsets[:, 0])
    for subword in np.flatnonzero(is_longer):
        beyond = np.searchsorted(starts, offsets[subword, 1], side="left")
        candidates = np.arange(first[subword], beyond)
        overlaps = _overlap(offsets[subword : subword + 1], starts, ends, candidates)
        if len(candidates) and overlaps.max() > 0:
            result[subword] = candidates[overlaps.argmax()]
    return result


def _overlap(
    offsets: np.ndarray, starts: np.ndarray, ends: np.ndarray, word: np.ndarray
) -> np.ndarray:
    return np.minimum(offsets[:, 1], ends[word]) - np.maximum(offsets[:, 0], starts[word])


def windows(number: int, subwords: Subwords, limit: int) -> list[Window]:
    """Windows of at most `limit` subwords over text `number`: one where the text fits, else
    overlapping ones.

    Neighbouring windows share a third of their subwords. A word takes its vector from the window in
    which it has the most context on its poorer side; a word longer than a window, from the subwords
    of the window that it fills.
    """
    total = len(subwords.ids)
    if total <= limit:
        own = np.flatnonzero(subwords.word != NO_WORD)
        return [Window(number, 0, total, own, subwords.word[own])]
    starts = _window_starts(subwords, limit)
    stops = [min(start + limit, total) for start in starts]
    owner = _owners(subwords, starts, stops)
    result = []
    for i, (start, stop) in enumerate(zip(starts, stops, strict=True)):
        inside = subwords.word[start:stop]
        own = np.flatnonzero((inside != NO_WORD) & (owner[inside] == i))
        result.append(Window(number, start, stop, own, inside[own]))
    return result


def _window_starts(subwords: Subwords, limit: int) -> list[int]:
    """Positions of the first subwords of the windows; each is the beginning of a word."""
    total = len(subwords.ids)
    begins = np.flatnonzero(np.diff(subwords.word, prepend=NO_WORD - 1) != 0)
    starts = [0]
    while starts[-1] + limit < total:
        start = starts[-1]
        # The next window must not begin after the first word that this one cuts.
        cut = begins[np.searchsorted(begins, start + limit, side="right") - 1]
        target = min(start + limit - limit // OVERLAP, total - limit, cut)
        at_word = begins[np.searchsorted(begins, target, side="right") - 1]
        following = np.searchsorted(begins, start, side="right")
        if at_word > start:
            starts.append(int(at_word))
        elif following < len(begins):
            starts.append(int(begins[following]))
        else:
            break
    return starts


def _owners(subwords: Subwords, starts: list[int], stops: list[int]) -> np.ndarray:
    """The window from which each word takes its vector: `(n_words,)`.

    From window to window a word's left context shrinks and its right context grows: the poorer side
    is largest in the first window where the right is not poorer than the left, or in the window
    before.
    """
    positions = np.flatnonzero(subwords.word != NO_WORD)
    first = np.full(subwords.n_words, len(subwords.ids), dtype=np.int64)
    last = np.full(subwords.n_words, -1, dtype=np.int64)
    np.minimum.at(first, subwords.word[positions], positions)
    np.maximum.at(last, subwords.word[positions], positions)
    begin, end = np.array(starts), np.array(stops)
    balance = begin + end
    # At the ends of the text no context is lost.
    balance[0], balance[-1] = np.iinfo(np.int64).min, np.iinfo(np.int64).max
    later = np.searchsorted(balance, first + last + 1, side="left")
    right_before = end[later - 1] - 1 - last
    left_later = first - begin[later]
    return np.asarray(np.where(right_before >= left_later, later - 1, later))
