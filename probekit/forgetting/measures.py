"""Measures of forgetting, with their edge cases."""

from __future__ import annotations

import numpy as np


def retention(
    before: np.ndarray, after: np.ndarray, floor: np.ndarray, least: np.ndarray | float = 0.0
) -> np.ndarray:
    """Share of what was known above the floor that is still known.

    It is (after - floor) / (before - floor): 1 where all of it is, 0 where nothing above the floor
    is left, above 1 where the score rose, below 0 where it fell under the floor. Missing (NaN)
    where `before` is not above the floor by more than `least`: there was too little to retain.

    >>> before, after = np.array([0.9, 0.3]), np.array([0.6, 0.4])
    >>> retention(before, after, floor=np.array([0.3, 0.3])).round(2).tolist()
    [0.5, nan]
    """
    known = before - floor
    return np.divide(
        after - floor, known, out=np.full_like(known, np.nan, dtype=float), where=known > least
    )


def backward_transfer(scores: np.ndarray) -> float:
    """Mean change of score from the first checkpoint to the last: in [-1, 1], negative is
    forgetting.

    In Lopez-Paz and Ranzato 2017 (equation 3) tasks are learned in turn, and each counts from where
    it was learned. No probing task is learned, so here each counts from the first checkpoint.

    Args:
        scores: `(checkpoints, tasks)` in order.

    >>> round(backward_transfer(np.array([[0.9, 0.8], [0.95, 0.8], [0.7, 0.8]])), 3)
    -0.1
    """
    return float((scores[-1] - scores[0]).mean())


def forgetting(scores: np.ndarray) -> float:
    """Mean drop of the last checkpoint below the best one before it, in [-1, 1].

    Higher is more forgotten. Chaudhry et al. 2018, equation 3: the maximum is over all checkpoints
    but the last.

    Args:
        scores: `(checkpoints, tasks)` in order, at least two checkpoints.

    >>> round(forgetting(np.array([[0.9, 0.8], [0.95, 0.8], [0.7, 0.8]])), 3)
    0.125
    """
    return float((scores[:-1].max(axis=0) - scores[-1]).mean())
