"""Correction: p-values adjusted for many comparisons."""

from __future__ import annotations

from typing import Literal

import numpy as np

Correction = Literal["holm", "bh", "none"]
CORRECTIONS: tuple[Correction, ...] = ("holm", "bh", "none")


def adjust(p_values: np.ndarray, correction: Correction) -> np.ndarray:
    """Adjusted p-values, in [0, 1]: a cell is significant at 5% where its value is at most 0.05.

    `holm` bounds the chance of a single false finding among all cells (Holm 1979); `bh` the
    expected share of false findings among the findings (Benjamini and Hochberg 1995); `none` leaves
    them alone.

    >>> adjust(np.array([0.01, 0.04, 0.03]), "holm").round(2).tolist()
    [0.03, 0.06, 0.06]
    >>> adjust(np.array([0.01, 0.04, 0.03]), "bh").round(2).tolist()
    [0.03, 0.04, 0.04]
    """
    if correction == "none" or not len(p_values):
        return p_values.copy()
    if correction == "bh":
        from scipy.stats import false_discovery_control

        return np.asarray(false_discovery_control(p_values, method="bh"))
    order = np.argsort(p_values, kind="stable")
    stepped = np.maximum.accumulate(p_values[order] * np.arange(len(p_values), 0, -1))
    adjusted = np.empty_like(p_values)
    adjusted[order] = np.minimum(stepped, 1)
    return adjusted
