"""Words and subwords: no subword goes to a wrong word, and no loss goes unreported."""

from __future__ import annotations

import tracemalloc
from functools import cache
from pathlib import Path
from random import Random

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from transformers import AutoTokenizer, PreTrainedTokenizerBase

from probekit.corpora.passage import Corpus
from probekit.models.align import NO_WORD, Subwords, align, windows, words_of_subwords
from tests.families import TOKENIZERS

word = st.text(
    st.characters(exclude_categories=("Cs", "Zs", "Zl", "Zp", "Cc")), min_size=1, max_size=12
)


FAST = ["wordpiece", "bytes", "tiktoken", "unigram", "metaspace"]
SLOW = ["byt5", "canine"]


@pytest.fixture(scope="session", params=["tiny_bert", "tiny_gpt2", *FAST])
def tokenizer(request: pytest.FixtureRequest, sample: Corpus) -> PreTrainedTokenizerBase:
    if request.param in FAST:
        return TOKENIZERS[request.param](" ".join(p.words) for p in sample.splits["train"])
    return AutoTokenizer.from_pretrained(request.getfixturevalue(request.param))


@pytest.fixture(scope="session", params=[*FAST, *SLOW])
def any_tokenizer(request: pytest.FixtureRequest, sample: Corpus) -> PreTrainedTokenizerBase:
    return TOKENIZERS[request.param](" ".join(p.words) for p in sample.splits["train"])


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(words=st.lists(word, min_size=1, max_size=12))
def test_subwords_cover_their_own_word_only(
    tokenizer: PreTrainedTokenizerBase, words: list[str]
) -> None:
    (subwords,) = align([words], tokenizer)
    text = " ".join(words)
    offsets = tokenizer(text, add_special_tokens=False, return_offsets_mapping=True)[
        "offset_mapping"
    ]
    starts = np.cumsum([0] + [len(w) + 1 for w in words])
    assert len(offsets) == len(subwords.ids)
    for (begin, end), owner in zip(offsets, subwords.word, strict=True):
        if owner != NO_WORD:
            covered = range(max(begin, starts[owner]), min(end, starts[owner] + len(words[owner])))
            assert len(covered) > 0
    owners = subwords.word[subwords.word != NO_WORD]
    assert (np.diff(owners) >= 0).all()
    # The tokenizer has nothing for a word without a subword, or another word has its subword.
    for lost in set(range(len(words))) - set(owners.tolist()):
        alone = tokenizer(words[lost], add_special_tokens=False, return_offsets_mapping=True)
        is_nothing = all(end <= begin for begin, end in alone["offset_mapping"])
        stop = starts[lost] + len(words[lost])
        assert is_nothing or any(b < stop and e > starts[lost] for b, e in offsets)


@cache
def slow(kind: str) -> PreTrainedTokenizerBase:
    return TOKENIZERS[kind]([])


@pytest.mark.parametrize("kind", SLOW)
@settings(deadline=None)
@given(words=st.lists(word, min_size=1, max_size=12))
def test_characters_and_bytes_are_those_of_their_word(kind: str, words: list[str]) -> None:
    tokenizer = slow(kind)
    (subwords,) = align([words], tokenizer)
    assert subwords.ids.tolist() == tokenizer.encode(" ".join(words), add_special_tokens=False)
    for i, text in enumerate(words):
        own = subwords.ids[subwords.word == i].tolist()
        assert own == tokenizer.encode(text, add_special_tokens=False) and own


ODD = {
    "a number and letters": "18th",
    "an apostrophe": "don't",
    "Arabic": "السلام",
    "a ligature that stands for a sentence": "﷽",
    "Devanagari": "नमस्ते",
    "Thai": "สวัสดี",
    "Chinese": "你好吗",
    "Hangul": "안녕",
    "combining marks": "e\u0301a\u0308",
    "a family of emoji": "👩‍👩‍👧",
    "a flag": "🇳🇱",
    "a soft hyphen within": "co\u00adop",
    "half width": "ﾃｽﾄ",
    "upper and lower": "İstanbul",
}
NOTHING = {
    "a variation selector alone": "\ufe0f",
    "a zero-width joiner alone": "\u200d",
    "a mark alone": "\u0301",
}


def test_words_of_all_scripts(any_tokenizer: PreTrainedTokenizerBase) -> None:
    words = ["the"]
    for odd in (*ODD.values(), *NOTHING.values()):
        words += [odd, "the"]
    (subwords,) = align([words], any_tokenizer)
    owners = subwords.word[subwords.word != NO_WORD]
    assert (np.diff(owners) >= 0).all()
    lost = {words[i] for i in set(range(len(words))) - set(owners.tolist())}
    assert lost <= set(NOTHING.values())  # they are reported; all others have subwords
    (plain,) = align([["the", "the"]], any_tokenizer)
    last = subwords.ids[subwords.word == len(words) - 1].tolist()
    assert last == plain.ids[plain.word == 1].tolist()  # nothing leaked into the last word


def test_byte_level_subwords_with_a_leading_space_belong_to_the_word_after_it() -> None:
    offsets = np.array([(0, 3), (3, 7), (7, 8)])
    words = ["the", "cat", "s"]
    assert words_of_subwords(words, offsets).tolist() == [0, 1, NO_WORD]
    offsets = np.array([(0, 3), (3, 7), (7, 9)])
    assert words_of_subwords(words, offsets).tolist() == [0, 1, 2]


def test_a_subword_over_two_words_goes_to_the_one_it_covers_most_of() -> None:
    assert words_of_subwords(["a", "bcd"], np.array([(0, 5)])).tolist() == [1]
    assert words_of_subwords(["abc", "d"], np.array([(1, 5)])).tolist() == [0]
    assert words_of_subwords(["ab", "cd"], np.array([(0, 5)])).tolist() == [0]


def test_a_word_without_subwords_is_left_empty(tokenizer: PreTrainedTokenizerBase) -> None:
    bert_drops = "\u200b"  # a zero-width space: BERT's normaliser removes it
    (subwords,) = align([["the", bert_drops, "cat"]], tokenizer)
    if "bert" in str(tokenizer.name_or_path):
        assert set(subwords.word.tolist()) == {0, 2}


@given(
    lengths=st.lists(st.integers(1, 9), min_size=1, max_size=80),
    limit=st.integers(9, 40),
)
def test_windows_give_every_word_once_with_all_its_subwords(lengths: list[int], limit: int) -> None:
    word = np.repeat(np.arange(len(lengths)), lengths)
    subwords = Subwords(np.arange(len(word)), word, len(lengths))
    found = windows(0, subwords, limit)
    owned = []
    for window in found:
        assert 0 < window.stop - window.start <= limit
        assert (word[window.start : window.stop][window.own] == window.word).all()
        owned.extend((window.start + window.own).tolist())
    assert sorted(owned) == list(range(len(word)))


@given(lengths=st.lists(st.integers(1, 3), min_size=40, max_size=120))
def test_windows_leave_words_some_context(lengths: list[int]) -> None:
    limit = 30
    word = np.repeat(np.arange(len(lengths)), lengths)
    for window in windows(0, Subwords(word, word, len(lengths)), limit):
        left = window.own.min(initial=limit)
        right = (window.stop - window.start) - window.own.max(initial=0)
        assert window.start == 0 or left >= limit // 6 - 3
        assert window.stop == len(word) or right >= limit // 6 - 3


def test_a_word_longer_than_a_window_keeps_the_subwords_of_one() -> None:
    word = np.array([0] * 2 + [1] * 50 + [2] * 2)
    found = windows(0, Subwords(np.arange(54), word, 3), 20)
    assert set(np.concatenate([window.word for window in found]).tolist()) == {0, 1, 2}
    assert sum(1 in window.word for window in found) == 1


def test_nothing_is_truncated(tiny_bert: Path) -> None:
    tokenizer = AutoTokenizer.from_pretrained(tiny_bert)
    (subwords,) = align([["word"] * 500], tokenizer)
    assert subwords.word[-1] == 499


@given(st.lists(st.integers(0, 5), min_size=1, max_size=120), st.integers(6, 40), st.randoms())
@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_a_word_goes_to_the_window_with_the_most_context_on_its_poorer_side(
    lengths: list[int], limit: int, random: Random
) -> None:
    word = np.repeat(np.arange(len(lengths)), lengths)
    word = np.where([random.random() < 0.1 for _ in word], NO_WORD, word)
    subwords = Subwords(np.arange(len(word)), word, len(lengths))
    found = windows(0, subwords, limit)
    for number in set(word.tolist()) - {NO_WORD}:
        positions = np.flatnonzero(word == number)
        context = []
        for i, window in enumerate(found):
            left = positions[0] - window.start if i else np.inf
            right = window.stop - 1 - positions[-1] if i < len(found) - 1 else np.inf
            context.append(min(left, right))
        takes = [i for i, window in enumerate(found) if number in window.word.tolist()]
        assert takes == [int(np.argmax(context))]


def test_a_very_long_text_takes_time_and_memory_in_proportion() -> None:
    n = 400_000
    subwords = Subwords(np.arange(n), np.arange(n), n)
    tracemalloc.start()
    found = windows(0, subwords, 62)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert len(found) > 9_000 and peak < 2**28
