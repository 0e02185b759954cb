"""Runs: rows of different lengths that stand one after the other in one array."""

from __future__ import annotations

import numpy as np


def offsets_of(lengths: np.ndarray) -> np.ndarray:
    """Where each run begins, and the end of the last: `(n + 1,)`."""
    offsets = np.zeros(len(lengths) + 1, dtype=np.int64)
    np.cumsum(lengths, out=offsets[1:])
    return offsets


def places_in(offsets: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """Every place of the runs `rows`, run after run."""
    lengths = (offsets[1:] - offsets[:-1])[rows]
    ends = np.cumsum(lengths)
    places = np.repeat(offsets[rows] - (ends - lengths), lengths)
    places += np.arange(len(places))
    return places
