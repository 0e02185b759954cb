"""N-grams: features of texts and words without any training (the first era)."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from probekit.corpora.passage import SPLITS, Split
from probekit.tuning.data import NONE, Data

AFFIX = 4  # letters of the longest prefix and suffix
REACH = 2  # words either side


def ngram_features(data: Data) -> dict[Split, Any]:
    """A sparse matrix for each split, one row per label; its columns are what training has.

    Of texts: word n-grams of 1 and 2, and character n-grams of 2 to 5 within words, as tf-idf. Of
    pairs: those of each, and their products. Of words: see `described`.
    """
    if data.target == "words":
        return _of_words(data)
    return _of_texts(data)


def _of_texts(data: Data) -> dict[Split, Any]:
    from scipy.sparse import hstack
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.pipeline import make_union

    words = TfidfVectorizer(ngram_range=(1, 2), token_pattern=r"(?u)\S+", sublinear_tf=True)
    characters = TfidfVectorizer(analyzer="char_wb", ngram_range=(2, 5), sublinear_tf=True)
    union = make_union(words, characters)
    train = data.splits["train"].texts
    union.fit([text for texts in train for text in texts])
    found: dict[Split, Any] = {}
    for split in SPLITS:
        texts = data.splits[split].texts
        parts = []
        for of_place in zip(*texts, strict=True):  # one text, or the two of each pair
            parts.append(union.transform(of_place))
        if len(parts) == 2:
            parts.append(parts[0].multiply(parts[1]))
        found[split] = hstack(parts).tocsr()
    return found


def _of_words(data: Data) -> dict[Split, Any]:
    from sklearn.feature_extraction import DictVectorizer

    vectoriser = DictVectorizer()
    found: dict[Split, Any] = {}
    for split in SPLITS:
        examples = data.splits[split]
        rows = []
        for words, labels in zip(examples.texts, examples.labels, strict=True):
            rows += [described(words, i) for i, label in enumerate(labels) if label != NONE]
        make = vectoriser.fit_transform if split == "train" else vectoriser.transform
        found[split] = make(rows)
    return found


def described(words: Sequence[str], i: int) -> dict[str, str | bool]:
    """A word by its form, its affixes, its shape, and its neighbours.

    >>> described(["It", "ran", "20km"], 2)["shape"]
    'dx'
    """
    word = words[i].lower()
    found: dict[str, str | bool] = {"word": word, "shape": shape(words[i]), "first": i == 0}
    for size in range(1, min(AFFIX, len(word)) + 1):
        found[f"prefix {size}"] = word[:size]
        found[f"suffix {size}"] = word[-size:]
    for step in range(1, REACH + 1):
        found[f"word -{step}"] = words[i - step].lower() if i >= step else ""
        found[f"word +{step}"] = words[i + step].lower() if i + step < len(words) else ""
    return found


def shape(word: str) -> str:
    """Capitals as X, small letters as x, digits as d; each run of them once.

    >>> shape("McDonald's")
    "XxXx'x"
    """
    shaped = re.sub(r"[^\W\d_]", lambda letter: "X" if letter[0].isupper() else "x", word)
    shaped = re.sub(r"\d", "d", shaped)
    return re.sub(r"(X|x|d)\1+", r"\1", shaped)
