"""Spanning: minimum spanning trees of many graphs at once."""

from __future__ import annotations

import numpy as np

NONE = -1


def spanning_trees(distances: np.ndarray, counted: np.ndarray) -> np.ndarray:
    """The minimum spanning tree of the counted nodes of each complete graph (Prim 1957).

    Args:
        distances: `(graphs, n, n)`, symmetric.
        counted: `(graphs, n)` whether a node is part of the graph; at least one is.

    Returns:
        `(graphs, n)`: the node that each one was joined to; NONE for the first one, and for nodes
        that are not counted.

    >>> far = np.array([[[0, 1, 5], [1, 0, 2], [5, 2, 0]]])
    >>> spanning_trees(far, np.ones((1, 3), dtype=bool)).tolist()
    [[-1, 0, 1]]
    """
    graphs = np.arange(len(distances))
    outside = counted.copy()
    newest = counted.argmax(axis=1)
    outside[graphs, newest] = False
    nearest = np.full(counted.shape, np.inf)
    joined_to = np.full(counted.shape, NONE)
    for _ in range(int(counted.sum(axis=1).max(initial=1)) - 1):
        of_newest = distances[graphs, newest]
        is_nearer = outside & (of_newest < nearest)
        nearest = np.where(is_nearer, of_newest, nearest)
        joined_to = np.where(is_nearer, newest[:, None], joined_to)
        newest = np.where(outside, nearest, np.inf).argmin(axis=1)
        outside[graphs, newest] = False  # of no effect where all are inside
    return joined_to


def shared_edges(trees: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Whether the edge from each node to what it was joined to is in the other tree too.

    Args:
        trees, others: as `spanning_trees` returns them, `(…, n)` each.

    Returns:
        `(…, n)`.
    """
    nodes = np.arange(trees.shape[-1])
    end = np.where(trees == NONE, nodes, trees)
    backwards = np.take_along_axis(others, end, axis=-1) == nodes
    return np.asarray((trees != NONE) & ((others == trees) | backwards))
