"""Tree rows: scores of structural probes and baselines, and UUAS by length of dependency."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import product
from typing import Annotated, Any

import numpy as np

from probekit.probes.score_rows import Before, Measured, ScoreRow
from probekit.probes.scoring import scored
from probekit.probes.structural.baselines import TREE_BASELINES
from probekit.probes.structural.fitted_trees import BY_LENGTH, FittedTrees, counts_of, grouped
from probekit.probes.structural.tree_heads import TREE_HEADS
from probekit.results import columns
from probekit.results.columns import UNIT
from probekit.results.schema import Means, Precedes, schema_of
from probekit.stats.tree_metrics import LONGEST_EDGE, OF_SHAPES, TREE_METRICS
from probekit.tasks.trees import TreeQuestion


@dataclass(frozen=True, kw_only=True)
class EdgeLengthRow(Measured):
    """One structural probe or baseline and one length of dependency."""

    layer: Annotated[
        int | None, Means("the layer probed; empty for baselines", "from 0"), Precedes("metric")
    ]
    length: Annotated[
        int,
        Means(f"words from the head to its dependent; {LONGEST_EDGE} stands for more too"),
        Before,
    ]
    score: Annotated[
        float, Means("share of gold edges of this length that were found", UNIT), Before
    ]
    ci_low: Annotated[float, Means("lower end of its 95% interval", UNIT), Before]
    ci_high: Annotated[float, Means("upper end of it", UNIT), Before]
    n_test: Annotated[int, Means("gold edges of this length", columns.COUNT), Before]
    seed: Annotated[int, Means("as in scores.csv", "from 0"), Before]


EDGE_LENGTHS = schema_of(
    "edge_lengths",
    "a structural probe or baseline and a length of dependency",
    EdgeLengthRow,
    ("model", "task", "corpus", "probe", "layer", "seed", "length"),
)


def baseline_counts(question: TreeQuestion, name: str) -> dict[str, np.ndarray]:
    """What the metrics count of a baseline on test, `(1, trees, k)` each."""
    trees, shape = question.splits["test"], question.task.shape
    rng = np.random.default_rng(0)
    head = TREE_HEADS[shape](1)
    found: dict[str, np.ndarray] = {}
    for gold in trees.same_length():
        heads = TREE_BASELINES[name](len(gold.heads), gold.heads.shape[1], rng)
        for metric, counts in counts_of(shape, head.answer(heads), gold).items():
            new = np.zeros((1, len(trees), counts.shape[-1]))
            found.setdefault(metric, new)[:, gold.numbers] = counts
    return found


def best_baseline(question: TreeQuestion) -> float:
    """The best score that a baseline has by the task's metric on test."""
    metric = question.task.metric
    scores = []
    for name in TREE_BASELINES:
        counts = baseline_counts(question, name)[metric]
        scores.append(float(TREE_METRICS[metric].score(counts.sum(axis=1))[0]))
    return max(scores)


def baseline_rows(
    question: TreeQuestion, about: Mapping[str, Any]
) -> tuple[list[ScoreRow], list[EdgeLengthRow]]:
    """Rows of each baseline: scores, and of distances UUAS by length.

    Args:
        question: a structural task.
        about: the columns that identify the model, the task and the corpus.
    """
    missing = float("nan")
    rows: list[ScoreRow] = []
    lengths: list[EdgeLengthRow] = []
    for name in TREE_BASELINES:
        counts = baseline_counts(question, name)
        own = {**about, "probe": name, "layer": None, "seed": 0}
        nothing = {"dev_score": missing, "dev_loss": missing, "epoch": None}
        for metric in OF_SHAPES[question.task.shape]:
            one = next(_scored(question, metric, counts[metric]))
            rows.append(
                ScoreRow(**{**own, **nothing, **one, "metric": metric}, test_corpus=about["corpus"])
            )
        if BY_LENGTH in counts:
            lengths += _length_rows(question, counts[BY_LENGTH][0], own)
    return rows, lengths


def probe_rows(
    fitted: FittedTrees, about: Mapping[str, Any]
) -> tuple[list[ScoreRow], list[EdgeLengthRow]]:
    """Rows of each trained probe, likewise; `about` has its kind too."""
    rows: list[ScoreRow] = []
    lengths: list[EdgeLengthRow] = []
    cells = list(product(range(len(fitted.layers)), range(len(fitted.seeds))))
    for metric in OF_SHAPES[fitted.question.task.shape]:
        counts = fitted.test[metric]
        every = _scored(fitted.question, metric, counts.reshape(len(cells), *counts.shape[2:]))
        dev_scores = TREE_METRICS[metric].score(fitted.dev[metric].sum(axis=2))
        for (i, j), one in zip(cells, every, strict=True):
            rows.append(
                ScoreRow(
                    **{**about, **one, "metric": metric},
                    layer=fitted.layers[i],
                    seed=fitted.seeds[j],
                    dev_score=float(dev_scores[i, j]),
                    dev_loss=float(fitted.dev_loss[i, j]),
                    epoch=int(fitted.epochs[i, j]),
                    labels=fitted.question.labels,
                    test_corpus=about["corpus"],
                )
            )
    if BY_LENGTH in fitted.test:
        for i, j in cells:
            own = {**about, "layer": fitted.layers[i], "seed": fitted.seeds[j]}
            lengths += _length_rows(fitted.question, fitted.test[BY_LENGTH][i, j], own)
    return rows, lengths


def _scored(question: TreeQuestion, metric: str, counts: np.ndarray) -> Iterator[dict[str, Any]]:
    """Score and interval of counts `(cells, trees, k)`, resampled by sentence or document."""
    return scored(TREE_METRICS[metric], grouped(question.splits["test"], counts))


def _length_rows(
    question: TreeQuestion, counts: np.ndarray, about: Mapping[str, Any]
) -> Iterator[EdgeLengthRow]:
    """A row for each length that occurs, of counts `(trees, 2 * lengths)`."""
    by_length = np.moveaxis(counts.reshape(len(counts), LONGEST_EDGE, 2), 1, 0)
    edges = by_length[..., 1].sum(axis=1).astype(int).tolist()
    every = _scored(question, "uuas", by_length)
    for length, (n, one) in enumerate(zip(edges, every, strict=True), 1):
        if n:
            own = {key: value for key, value in about.items() if key != "n_train"}
            yield EdgeLengthRow(**{**own, **one, "metric": "uuas", "n_test": n, "length": length})
