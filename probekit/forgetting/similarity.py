"""Similarity of representations: how alike two checkpoints' layers are, without any probe.

CKA weighs directions by their variance squared: one dimension a thousand times as long as the
others decides it alone. So it is reported with the CKA of standardised dimensions, and with the
number of dimensions that carry the variance.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from probekit.corpora.passage import Corpus
from probekit.forgetting.comparison_rows import Compared, SimilarityRow
from probekit.states.layers_text import layers_text
from probekit.states.states import States
from probekit.states.vectors import Vectors

WORDS = 1_000  # of a sample, at most
BLOCK = 100  # rows of kernels, and words of a sample that are read at once
FEW_DIMENSIONS = 5  # that carry a layer's CKA: below this it says little of the others


def cka(first: np.ndarray, second: np.ndarray) -> float:
    """Linear centred kernel alignment, unbiased.

    1 where the two are equal up to rotation and scale, about 0 where they are unrelated. Kornblith
    et al. 2019 (equation 3), with the unbiased estimate of HSIC by Song et al. 2012 (equation 5),
    without which wide vectors of few words look alike.

    Args:
        first, second: `(words, dim)`, of the same words; at least 4 words.

    >>> words = np.random.default_rng(0).normal(size=(50, 8))
    >>> rotation = np.linalg.qr(np.random.default_rng(1).normal(size=(8, 8)))[0]
    >>> round(cka(words, 3 * words @ rotation), 6)
    1.0
    """
    a, b = _kernel(first), _kernel(second)
    return _ratio(_hsic(a, b), _hsic(a, a) * _hsic(b, b))


def rsa(first: np.ndarray, second: np.ndarray) -> float:
    """Representational similarity: Spearman's correlation of the words' pairwise cosine distances,
    in [-1, 1].

    Kriegeskorte et al. 2008. `first` and `second` are `(words, dim)`, of the same words.
    """
    return float(_distance_ranks(first) @ _distance_ranks(second))


def cosine(first: np.ndarray, second: np.ndarray) -> float:
    """Mean cosine of each word's two vectors, in [-1, 1]: 1 is the same direction.

    Both must have the same width.

    >>> cosine(np.array([[1.0, 0.0], [0.0, 2.0]]), np.array([[2.0, 0.0], [2.0, 0.0]]))
    0.5
    """
    lengths = np.linalg.norm(first, axis=1) * np.linalg.norm(second, axis=1)
    return float(((first * second).sum(axis=1) / np.maximum(lengths, 1e-12)).mean())


def _kernel(values: np.ndarray) -> np.ndarray:
    centred = values - values.mean(axis=0)
    kernel = centred @ centred.T
    np.fill_diagonal(kernel, 0)
    return kernel


def _ratio(both: float, own: float) -> float:
    """Missing where one of the two does not vary, or there are too few words."""
    return float(both / np.sqrt(own)) if own > 0 else float("nan")


def _hsic(a: np.ndarray, b: np.ndarray) -> float:
    """Song et al. 2012, equation 5, of kernels with zero diagonals."""
    return float(_every_hsic(a[None], b[None])[0, 0])


def _every_hsic(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """The same for each pair of kernels from `(i, n, n)` and `(j, n, n)`: `(i, j)`.

    Missing for too few words.
    """
    n = a.shape[1]
    if n < 4:
        return np.full((len(a), len(b)), np.nan)
    traces = np.zeros((len(a), len(b)))
    for start in range(0, n, BLOCK):  # in double precision, some rows at a time
        part, other = (
            kernels[:, start : start + BLOCK].reshape(len(kernels), -1) for kernels in (a, b)
        )
        traces += part.astype(np.float64) @ other.astype(np.float64).T
    rows = [kernels.sum(axis=1, dtype=np.float64) for kernels in (a, b)]
    sums = rows[0].sum(axis=1)[:, None] * rows[1].sum(axis=1) / ((n - 1) * (n - 2))
    cross = 2 * (rows[0] @ rows[1].T) / (n - 2)
    return np.asarray((traces + sums - cross) / (n * (n - 3)))


def standardised(values: np.ndarray) -> np.ndarray:
    """`(words, dim)` with mean 0 and deviation 1 in each dimension; one that does not vary is 0."""
    centred = values - values.mean(axis=0)
    deviation = centred.std(axis=0)
    return np.divide(centred, deviation, out=np.zeros_like(centred), where=deviation > 1e-6)


def effective_dimensions(values: np.ndarray) -> float:
    """How many directions carry the variance of `(words, dim)`.

    The participation ratio of the principal components, (Σλ)² / Σλ² (Gao et al. 2017): from 1,
    where one carries all, to dim, where all carry the same. Missing where nothing varies.

    >>> round(effective_dimensions(np.array([[1.0, 0.0], [-1.0, 0.0], [0.0, 1.0], [0.0, -1.0]])), 6)
    2.0
    """
    centred = (values - values.mean(axis=0)).astype(np.float64)
    smaller = centred if centred.shape[0] < centred.shape[1] else centred.T
    kernel = smaller @ smaller.T  # has the same eigenvalues as the other product
    size = float((kernel**2).sum())
    return float(np.trace(kernel) ** 2 / size) if size else float("nan")


def similarities(
    about: Compared,
    states: tuple[States, States],
    samples: tuple[np.ndarray, np.ndarray],
) -> list[SimilarityRow]:
    """One row for every layer before and every layer after, on the same test words.

    Args:
        about: the two checkpoints.
        states: of the checkpoint before and the one after.
        samples: of their vectors, by `sample`, of all layers.
    """
    before, after = states
    a, b = (_shared(states, of_one) for of_one in samples)
    cka_of = _every_cka(a, b)
    standardised_cka_of = _every_cka(_mapped(standardised, a), _mapped(standardised, b))
    dimensions_before = _mapped(effective_dimensions, a)
    dimensions_after = _mapped(effective_dimensions, b)
    ranks_before, ranks_after = _mapped(_distance_ranks, a), _mapped(_distance_ranks, b)
    rows = []
    for i, layer in enumerate(before.layers):
        for j, other in enumerate(after.layers):
            row = SimilarityRow(
                **vars(about),
                context=before.context,
                layer_before=layer,
                layer_after=other,
                cka=cka_of[i, j],
                cka_standardised=standardised_cka_of[i, j],
                dimensions_before=dimensions_before[i],
                dimensions_after=dimensions_after[j],
                rsa=float(ranks_before[i] @ ranks_after[j]),
                cosine=cosine(a[i], b[j]) if before.dim == after.dim else np.nan,
            )
            rows.append(row)
    return rows


def _mapped(function: Callable[[np.ndarray], Any], layers: Any) -> list[Any]:
    """The function's value for each layer."""
    return [function(values) for values in layers]


def few_dimensions(before: str, after: str, rows: Sequence[SimilarityRow]) -> Iterator[str]:
    """A warning for each checkpoint that has layers whose similarity few dimensions carry."""
    of_before = {row.layer_before: row.dimensions_before for row in rows}
    of_after = {row.layer_after: row.dimensions_after for row in rows}
    for model, dimensions in ((before, of_before), (after, of_after)):
        few = [f"{layer} ({n:.1f})" for layer, n in dimensions.items() if n < FEW_DIMENSIONS]
        if few:
            yield (
                f"fewer than {FEW_DIMENSIONS} dimensions carry the CKA of {model} at "
                f"{layers_text(few)}: look at cka_standardised too"
            )


def _every_cka(first: Any, second: Any) -> np.ndarray:
    """CKA of each layer of the first with each layer of the second: `(layers, layers)`."""
    a, b = np.stack(_mapped(_kernel, first)), np.stack(_mapped(_kernel, second))
    both = _every_hsic(a, b)
    size = _own_hsic(a)[:, None] * _own_hsic(b)
    return np.divide(
        both, np.sqrt(np.maximum(size, 0)), out=np.full_like(both, np.nan), where=size > 0
    )


def _own_hsic(kernels: np.ndarray) -> np.ndarray:
    """HSIC of each kernel with itself: `(layers,)`."""
    return np.array([_hsic(kernel, kernel) for kernel in kernels])


def sample(vectors: Vectors, layers: Sequence[int]) -> np.ndarray:
    """Vectors of some test words from all over the split: `(layers, words, dim)`."""
    places = _places(vectors.corpus)
    found = np.empty((len(layers), len(places), vectors.dim), dtype=vectors.dtype)
    for start in range(0, len(places), BLOCK):
        part = places[start : start + BLOCK]
        first = int(part[0])
        read = vectors.read("test", first, int(part[-1]) + 1, layers)
        found[:, start : start + BLOCK] = read[:, part - first]
    return found


def _places(corpus: Corpus) -> np.ndarray:
    """The positions of the test words of a sample, `(words,)`."""
    total = int(corpus.offsets("test")[-1])
    return np.unique(np.linspace(0, total - 1, min(WORDS, total)).astype(int))


def _shared(states: tuple[States, States], of_one: np.ndarray) -> np.ndarray:
    """Of a sample, the words that have a vector in both checkpoints, in float32."""
    lost = [word for one in states for word in one.without_vector["test"]]
    has_both = ~np.isin(_places(states[0].corpus), lost)
    return of_one[:, has_both].astype(np.float32)


def _distance_ranks(values: np.ndarray) -> np.ndarray:
    """Ranks of the pairwise cosine distances, centred and of length 1.

    The product of two such vectors is Spearman's correlation.
    """
    from scipy.spatial.distance import pdist
    from scipy.stats import rankdata

    ranks = rankdata(pdist(values, "cosine"))
    centred = ranks - ranks.mean()
    length = np.linalg.norm(centred)
    return centred / length if length else np.full_like(centred, np.nan)
