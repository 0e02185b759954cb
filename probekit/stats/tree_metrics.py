"""Tree metrics: functions of counts that add up over sentences, as those of METRICS do.

What is counted is predicted of whole sentences, here of sentences of one length n: distances of
words `(cells, trees, n, n)`, depths or heads `(cells, trees, n)`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from probekit.stats.metrics import accuracy

if TYPE_CHECKING:
    import numpy as np

LENGTHS = range(5, 51)  # words of the sentences that Spearman correlations are averaged over
LONGEST_EDGE = 10  # words: longer edges are counted with those of this length


class GoldTrees(Protocol):
    """Trees of sentences of one length (see `tasks.trees.SameLength`)."""

    @property
    def heads(self) -> np.ndarray:
        """The head of each word, `(trees, n)`; the root is its own."""

    @property
    def depths(self) -> np.ndarray:
        """Edges to the root, `(trees, n)`."""

    @property
    def distances(self) -> np.ndarray:
        """Edges between words, `(trees, n, n)`."""

    @property
    def counted(self) -> np.ndarray:
        """Whether a word is no punctuation, `(trees, n)`."""


@dataclass(frozen=True, kw_only=True)
class TreeMetric:
    """How predictions are compared with gold trees; higher is better.

    Attributes:
        name: what tasks and tables call it.
        label: a short name, for pictures.
        meaning: its definition, in one line.
        source: where it is defined.
        counts: makes counts `(cells, trees, k)` of predictions and gold trees.
        score: makes scores `(…)` of counts `(…, k)` that are summed over trees.
        low, high: the least and the greatest score.
    """

    name: str
    label: str
    meaning: str
    source: str
    counts: Callable[[np.ndarray, GoldTrees], np.ndarray]
    score: Callable[[np.ndarray], np.ndarray]
    low: float = 0.0
    high: float = 1.0

    @property
    def largest_difference(self) -> float:
        """The largest difference that two scores can have."""
        return self.high - self.low


def count_edges(distances: np.ndarray, gold: GoldTrees) -> np.ndarray:
    """Edges of the minimum spanning tree that are gold, and gold edges: `(cells, trees, 2)`."""
    return edges_of_all_lengths(count_edges_by_length(distances, gold))


def edges_of_all_lengths(by_length: np.ndarray) -> np.ndarray:
    """The sums of `count_edges_by_length`, `(cells, trees, 2)`."""
    return by_length.reshape(*by_length.shape[:2], LONGEST_EDGE, 2).sum(axis=2)


def count_edges_by_length(distances: np.ndarray, gold: GoldTrees) -> np.ndarray:
    """The same for gold edges of each length, 1 to LONGEST_EDGE: `(cells, trees, 2 * lengths)`.

    As in Hewitt and Manning's code, the gold edges are those of the spanning tree of gold
    distances without punctuation.
    """
    import numpy as np

    from probekit.stats.spanning import NONE, spanning_trees

    cells, trees, n, _ = distances.shape
    counted = np.broadcast_to(gold.counted, (cells, trees, n)).reshape(-1, n)
    found = spanning_trees(distances.reshape(-1, n, n), counted).reshape(cells, trees, n)
    true = spanning_trees(gold.distances, gold.counted)
    is_edge = true != NONE
    lengths = np.abs(np.arange(n) - true).clip(max=LONGEST_EDGE)
    columns = []
    is_found = _is_found(found, true)
    for length in range(1, LONGEST_EDGE + 1):
        own = is_edge & (lengths == length)
        columns.append((is_found & own).sum(axis=-1))
        columns.append(np.broadcast_to(own.sum(axis=-1), (cells, trees)))
    return np.stack(columns, axis=-1).astype(float)


def _is_found(found: np.ndarray, true: np.ndarray) -> np.ndarray:
    """Whether the gold edge of each word is in the trees found, `(cells, trees, n)`."""
    import numpy as np

    from probekit.stats.spanning import shared_edges

    return shared_edges(np.broadcast_to(true, found.shape), found)


def count_distance_ranks(distances: np.ndarray, gold: GoldTrees) -> np.ndarray:
    """Sums over sentences of each length, and their numbers: `(cells, trees, 2 * LENGTHS)`.

    What is summed is the mean over words of the correlation of distances to all words.
    """
    return _by_length(_spearman(distances, gold.distances).mean(axis=-1), distances.shape[-1])


def count_depth_ranks(depths: np.ndarray, gold: GoldTrees) -> np.ndarray:
    """The same of the correlation of depths: `(cells, trees, 2 * LENGTHS)`."""
    return _by_length(_spearman(depths, gold.depths), depths.shape[-1])


def _spearman(predicted: np.ndarray, gold: np.ndarray) -> np.ndarray:
    """Rank correlations over the last axis: `(cells, …)`; 0 where all values are the same."""
    import numpy as np
    from scipy.stats import rankdata

    ours, theirs = (rankdata(values, axis=-1) for values in (predicted, gold))
    ours -= ours.mean(axis=-1, keepdims=True)
    theirs -= theirs.mean(axis=-1, keepdims=True)
    size = np.sqrt((ours**2).sum(axis=-1) * (theirs**2).sum(axis=-1))
    return np.asarray((ours * theirs).sum(axis=-1) / np.where(size > 0, size, 1))


def _by_length(values: np.ndarray, length: int) -> np.ndarray:
    """Counts `(cells, trees, 2 * LENGTHS)` of values `(cells, trees)` of sentences of a length."""
    import numpy as np

    counts = np.zeros((*values.shape, len(LENGTHS), 2))
    if length in LENGTHS:
        counts[:, :, LENGTHS.index(length), 0] = values
        counts[:, :, LENGTHS.index(length), 1] = 1
    return counts.reshape(*values.shape, -1)


def mean_over_lengths(counts: np.ndarray) -> np.ndarray:
    """The mean over lengths that occur of their means, `(…)`, from counts `(…, 2 * LENGTHS)`."""
    total, n = counts[..., 0::2], counts[..., 1::2]
    return (total / n.clip(min=1)).sum(axis=-1) / (n > 0).sum(axis=-1).clip(min=1)


def count_roots(depths: np.ndarray, gold: GoldTrees) -> np.ndarray:
    """Whether the word of least depth, without punctuation, is the root: `(cells, trees, 2)`."""
    import numpy as np

    least = np.where(gold.counted, depths, np.inf).argmin(axis=-1)
    correct = least == gold.depths.argmin(axis=-1)
    return np.stack([correct, np.ones_like(correct)], axis=-1).astype(float)


def count_heads(heads: np.ndarray, gold: GoldTrees) -> np.ndarray:
    """Words with the right head, and words: `(cells, trees, 2)`."""
    import numpy as np

    correct = (heads == gold.heads).sum(axis=-1)
    return np.stack([correct, np.full_like(correct, heads.shape[-1])], axis=-1).astype(float)


_HEWITT_MANNING = "Hewitt and Manning 2019, section 4"
_ENTRIES = (
    TreeMetric(
        name="uuas",
        label="UUAS",
        meaning="share of gold edges, without punctuation and direction, in the minimum spanning "
        "tree of predicted distances",
        source=_HEWITT_MANNING,
        counts=count_edges,
        score=accuracy,
    ),
    TreeMetric(
        name="dspearman",
        label="DSpearman",
        meaning="rank correlation of predicted and gold distances of each word to all words; mean "
        "over sentences of one length, then over lengths 5 to 50",
        source=_HEWITT_MANNING,
        counts=count_distance_ranks,
        score=mean_over_lengths,
        low=-1.0,
    ),
    TreeMetric(
        name="root_accuracy",
        label="root acc",
        meaning="share of sentences whose least deep word, without punctuation, is the root",
        source=_HEWITT_MANNING,
        counts=count_roots,
        score=accuracy,
    ),
    TreeMetric(
        name="nspearman",
        label="NSpearman",
        meaning="rank correlation of predicted and gold depths; mean over sentences of one length, "
        "then over lengths 5 to 50",
        source=_HEWITT_MANNING,
        counts=count_depth_ranks,
        score=mean_over_lengths,
        low=-1.0,
    ),
    TreeMetric(
        name="uas",
        label="UAS",
        meaning="share of words with the right head, the root counted as its own head",
        source="Zeman et al. 2018, section 5",
        counts=count_heads,
        score=accuracy,
    ),
)

TREE_METRICS: dict[str, TreeMetric] = {metric.name: metric for metric in _ENTRIES}
OF_SHAPES: Mapping[str, tuple[str, ...]] = {
    "distance": ("uuas", "dspearman"),
    "depth": ("root_accuracy", "nspearman"),
    "head": ("uas",),
}
"""The metrics of each structural shape of task."""
