"""Places: where words stand relative to the spans that a probe labels."""

from __future__ import annotations

import numpy as np

FARTHEST = 5  # words to either side; those farther away are taken together


def places(n_words: int, spans: np.ndarray) -> list[str]:
    """The place of each word of a text, relative to spans `(arity, 2)`.

    >>> places(5, np.array([[1, 2], [3, 4]]))
    ['left 1', 'span 1', 'between', 'span 2', 'right 1']
    """
    first, last = int(spans[:, 0].min()), int(spans[:, 1].max())
    found = []
    for word in range(n_words):
        if word < first:
            found.append(f"left {_distance(first - word)}")
        elif word >= last:
            found.append(f"right {_distance(word - last + 1)}")
        else:
            found.append(_inside(word, spans))
    return found


def _inside(word: int, spans: np.ndarray) -> str:
    """The place of a word that is neither left nor right of all spans."""
    for number, (start, end) in enumerate(spans.tolist(), start=1):
        if start <= word < end:
            return "span" if len(spans) == 1 else f"span {number}"
    return "between"


def _distance(words: int) -> str:
    return str(words) if words < FARTHEST else f"{FARTHEST}+"


def in_order(found: set[str]) -> list[str]:
    """Places from left to right.

    >>> in_order({"right 1", "span", "left 5+", "left 1"})
    ['left 5+', 'left 1', 'span', 'right 1']
    """
    far = [_distance(words) for words in range(FARTHEST, 0, -1)]
    order = [f"left {one}" for one in far]
    order += ["span", "span 1", "between", "span 2"]
    order += [f"right {one}" for one in reversed(far)]
    return [place for place in order if place in found]


def spread(n: int, most: int) -> np.ndarray:
    """At most so many of n numbers from 0 on, spread evenly.

    >>> spread(10, 3).tolist()
    [0, 4, 9]
    """
    return np.unique(np.linspace(0, n - 1, min(n, most)).round().astype(np.int64))
