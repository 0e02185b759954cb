"""Pareto: what is not beaten at its cost."""

from __future__ import annotations

import numpy as np


def pareto_front(costs: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Whether each is on the Pareto front, `(n,)`: none that costs as little or less has a higher
    value, and none that costs less has the same.

    Args:
        costs: `(n,)`, lower is better.
        values: `(n,)`, higher is better.

    >>> pareto_front(np.array([1, 2, 3, 4]), np.array([0.5, 0.7, 0.6, 0.9])).tolist()
    [True, True, False, True]
    """
    found = np.empty(len(costs), dtype=bool)
    for number, (cost, value) in enumerate(zip(costs, values, strict=True)):
        as_good = (costs <= cost) & (values >= value)
        better = (costs < cost) | (values > value)
        found[number] = not (as_good & better).any()
    return found
