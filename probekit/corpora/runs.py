"""Runs: sequences of different lengths, one after the other in one array."""

from __future__ import annotations

import numpy as np


def offsets_of(lengths: np.ndarray) -> np.ndarray:
    """`(n + 1,)` where each run begins, and last where the last one ends.

    >>> offsets_of(np.array([2, 0, 3])).tolist()
    [0, 2, 2, 5]
    """
    offsets = np.zeros(len(lengths) + 1, dtype=np.int64)
    np.cumsum(lengths, out=offsets[1:])
    return offsets


def places_in(offsets: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """Every place in the runs numbered `rows`, run after run.

    >>> places_in(np.array([0, 2, 2, 5]), np.array([2, 0])).tolist()
    [2, 3, 4, 0, 1]
    """
    lengths = (offsets[1:] - offsets[:-1])[rows]
    ends = np.cumsum(lengths)
    places = np.repeat(offsets[rows] - (ends - lengths), lengths)
    places += np.arange(len(places))
    return places
