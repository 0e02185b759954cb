"""Baselines: trees without a model, evaluated like those of any structural probe."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np


def left_chain(n_trees: int, n: int, rng: np.random.Generator) -> np.ndarray:
    """Each word depends on the one before it: heads `(n_trees, n)`; the first is the root."""
    return np.tile(np.arange(-1, n - 1).clip(min=0), (n_trees, 1))


def right_chain(n_trees: int, n: int, rng: np.random.Generator) -> np.ndarray:
    """Each word depends on the one after it: heads `(n_trees, n)`; the last is the root."""
    return np.tile(np.arange(1, n + 1).clip(max=n - 1), (n_trees, 1))


def random_tree(n_trees: int, n: int, rng: np.random.Generator) -> np.ndarray:
    """Heads `(n_trees, n)` of trees drawn uniformly (Aldous 1990, algorithm 2)."""
    joined = np.minimum(rng.integers(0, n, (n_trees, n)), np.arange(-1, n - 1).clip(min=0))
    names = rng.permuted(np.tile(np.arange(n), (n_trees, 1)), axis=1)
    heads = np.empty_like(names)
    np.put_along_axis(heads, names, np.take_along_axis(names, joined, axis=1), axis=1)
    return heads


TREE_BASELINES: dict[str, Callable[[int, int, np.random.Generator], np.ndarray]] = {
    "left_chain": left_chain,
    "right_chain": right_chain,
    "random_tree": random_tree,
}
