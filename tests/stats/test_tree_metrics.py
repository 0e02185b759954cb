"""Tree metrics against networkx and scipy, on random trees and predictions."""

from __future__ import annotations

import networkx as nx
import numpy as np
import pytest
from scipy.stats import spearmanr

from probekit.probes.structural.baselines import TREE_BASELINES
from probekit.stats.spanning import spanning_trees
from probekit.stats.tree_metrics import (
    LENGTHS,
    OF_SHAPES,
    TREE_METRICS,
    count_edges_by_length,
    mean_over_lengths,
)
from probekit.tasks.trees import SameLength

CELLS, TREES, N = 2, 30, 9


def made() -> tuple[SameLength, np.ndarray, np.random.Generator]:
    """Gold trees with leaves as punctuation, and symmetric distances without ties."""
    rng = np.random.default_rng(0)
    heads = TREE_BASELINES["random_tree"](TREES, N, rng)
    is_leaf = np.ones(heads.shape, dtype=bool)
    np.put_along_axis(is_leaf, heads, False, axis=1)
    counted = ~(is_leaf & (rng.random(heads.shape) < 0.3))
    noise = rng.random((CELLS, TREES, N, N))
    return SameLength(np.arange(TREES), heads, counted), noise + noise.swapaxes(2, 3), rng


def edges_of(distances: np.ndarray, words: list[int]) -> set[frozenset[int]]:
    graph = nx.Graph()
    for a in words:
        for b in words:
            if a < b:
                graph.add_edge(a, b, weight=distances[a, b])
    return {frozenset(edge) for edge in nx.minimum_spanning_edges(graph, data=False)}


def test_uuas_is_that_of_networkx() -> None:
    gold, distances, _ = made()
    counts = TREE_METRICS["uuas"].counts(distances, gold)
    for cell, tree in np.ndindex(CELLS, TREES):
        words = np.flatnonzero(gold.counted[tree]).tolist()
        true = set()
        for word in words:
            head = int(gold.heads[tree, word])
            if head != word:
                true.add(frozenset((word, head)))
        found = edges_of(distances[cell, tree], words)
        assert counts[cell, tree].tolist() == [len(true & found), len(true)]
    by_length = count_edges_by_length(distances, gold)
    assert (by_length[..., 0::2].sum(-1) == counts[..., 0]).all()


def test_spanning_trees_leave_out_what_is_not_counted() -> None:
    _, distances, _ = made()
    counted = np.arange(N) < 5
    found = spanning_trees(distances[0], np.tile(counted, (TREES, 1)))
    assert (found[:, 5:] == -1).all() and (found[:, 1:5] >= 0).all()


def test_spearman_is_that_of_scipy() -> None:
    gold, distances, rng = made()
    depths = rng.random((CELLS, TREES, N)).round(1)  # with ties
    of_depths = TREE_METRICS["nspearman"].counts(depths, gold)
    of_distances = TREE_METRICS["dspearman"].counts(distances, gold)
    place = 2 * LENGTHS.index(N)
    for cell, tree in np.ndindex(CELLS, TREES):
        expected = spearmanr(depths[cell, tree], gold.depths[tree]).statistic
        assert of_depths[cell, tree, place] == pytest.approx(expected)
        of_words = []
        for word in range(N):
            row = spearmanr(distances[cell, tree, word], gold.distances[tree, word])
            of_words.append(row.statistic)
        assert of_distances[cell, tree, place] == pytest.approx(np.mean(of_words))
    score = TREE_METRICS["nspearman"].score(of_depths.sum(axis=1))
    assert score == pytest.approx(of_depths[..., place].mean(axis=1))


def test_lengths_count_alike() -> None:
    counts = np.zeros(2 * len(LENGTHS))
    counts[0:2] = [9.0, 10]
    counts[2:4] = [0.5, 1]
    assert mean_over_lengths(counts) == pytest.approx((0.9 + 0.5) / 2)


def test_gold_trees_score_one_and_constants_correlate_with_nothing() -> None:
    gold, _, _ = made()
    perfect = {"distance": gold.distances, "depth": gold.depths, "head": gold.heads}
    for shape, names in OF_SHAPES.items():
        for name in names:
            metric = TREE_METRICS[name]
            counts = metric.counts(perfect[shape][None], gold)
            assert metric.score(counts.sum(axis=1)) == pytest.approx(1)
    flat = np.ones((1, TREES, N))
    counts = TREE_METRICS["nspearman"].counts(flat, gold)
    assert TREE_METRICS["nspearman"].score(counts.sum(axis=1)) == 0
