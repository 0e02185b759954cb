"""Metrics of fine-tuned models, from scikit-learn and scipy."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from probekit.stats.bootstrap import interval, widened
from probekit.stats.metrics import METRICS as SUMMED

RESAMPLES = 500


class TargetMetric(NamedTuple):
    """How predictions are compared with gold labels or numbers.

    Attributes:
        score: of gold and predicted values, `(n,)` each.
        low, high: the range of the score.
        meaning: in a few words.
        is_gain: whether higher is better.
    """

    score: Callable[[np.ndarray, np.ndarray], float]
    low: float
    high: float
    meaning: str
    is_gain: bool = True


def accuracy(gold: np.ndarray, said: np.ndarray) -> float:
    """The share of right predictions."""
    from sklearn.metrics import accuracy_score

    return float(accuracy_score(gold, said))


def f1(gold: np.ndarray, said: np.ndarray) -> float:
    """F1 of the second class, as GLUE has it; 0 where it neither occurs nor is predicted."""
    from sklearn.metrics import f1_score

    return float(f1_score(gold == 1, said == 1, zero_division=0.0))


def macro_f1(gold: np.ndarray, said: np.ndarray) -> float:
    """The mean over classes of F1."""
    from sklearn.metrics import f1_score

    return float(f1_score(gold, said, average="macro", zero_division=0.0))


def matthews(gold: np.ndarray, said: np.ndarray) -> float:
    """Matthews' correlation; 0 where one label only is predicted."""
    from sklearn.metrics import matthews_corrcoef

    return float(matthews_corrcoef(gold, said))


def pearson(gold: np.ndarray, said: np.ndarray) -> float:
    """Pearson's correlation; 0 where all predictions, or all gold numbers, are equal."""
    from scipy.stats import pearsonr

    return 0.0 if _constant(gold, said) else float(pearsonr(gold, said).statistic)


def spearman(gold: np.ndarray, said: np.ndarray) -> float:
    """Spearman's correlation of ranks; 0 likewise."""
    from scipy.stats import spearmanr

    return 0.0 if _constant(gold, said) else float(spearmanr(gold, said).statistic)


def bits(gold: np.ndarray, said: np.ndarray) -> float:
    """The mean in bits of losses of subwords, `said` in nats; gold values are not read."""
    return float(said.mean() / np.log(2))


def perplexity(gold: np.ndarray, said: np.ndarray) -> float:
    """Two to the power of `bits`: as uncertain as between so many equal subwords."""
    return float(np.exp(said.mean()))


def _constant(gold: np.ndarray, said: np.ndarray) -> bool:
    return len(gold) < 2 or np.ptp(gold) == 0 or np.ptp(said) == 0


METRICS: dict[str, TargetMetric] = {
    "accuracy": TargetMetric(accuracy, 0, 1, "the share of right predictions"),
    "f1": TargetMetric(f1, 0, 1, "F1 of the second class"),
    "macro_f1": TargetMetric(macro_f1, 0, 1, "the mean of the classes' F1"),
    "matthews": TargetMetric(matthews, -1, 1, "Matthews' correlation"),
    "pearson": TargetMetric(pearson, -1, 1, "Pearson's correlation"),
    "spearman": TargetMetric(spearman, -1, 1, "Spearman's correlation of ranks"),
    "bits": TargetMetric(bits, 0, np.inf, "the loss per predicted subword, in bits", False),
    "perplexity": TargetMetric(perplexity, 1, np.inf, "2 to the power of bits", False),
}


def score_interval(
    metric: str, gold: np.ndarray, said: np.ndarray, groups: np.ndarray
) -> tuple[float, float]:
    """A 95% interval of a score, by resampling texts, or documents that have one label.

    Args:
        metric: a name in METRICS.
        gold, said: `(n,)` gold and predicted values.
        groups: `(n,)` the number of the text or document of each value; never decreases.

    Returns its ends; both are missing (NaN) for a single text.
    """
    texts = len(np.unique(groups))
    if texts < 2:
        return float("nan"), float("nan")
    random = np.random.default_rng(0)
    draws = [random.integers(texts, size=texts) for _ in range(RESAMPLES)]
    weights = np.stack([np.bincount(drawn, minlength=texts) for drawn in draws])
    found = resampled_scores(metric, gold, said, groups, weights)
    value = np.array([METRICS[metric].score(gold, said)])
    low, high = interval(widened(found[None], value, texts))
    limits = METRICS[metric].low, METRICS[metric].high
    return float(np.clip(low[0], *limits)), float(np.clip(high[0], *limits))


def resampled_scores(
    metric: str, gold: np.ndarray, said: np.ndarray, groups: np.ndarray, weights: np.ndarray
) -> np.ndarray:
    """Scores with each text counted as often as it is drawn, `(resamples,)`.

    Args:
        metric: a name in METRICS.
        gold, said: `(n,)` gold and predicted values.
        groups: `(n,)` the number of the text or document of each value; never decreases.
        weights: `(resamples, texts)` how often each text is drawn.
    """
    _, number = np.unique(groups, return_inverse=True)
    resampled = _from_counts if metric in SUMMED else _from_values
    return resampled(metric, gold, said, number, weights)


def _from_counts(
    metric: str, gold: np.ndarray, said: np.ndarray, number: np.ndarray, weights: np.ndarray
) -> np.ndarray:
    """From counts that add up over texts: much faster."""
    summed = SUMMED[metric]
    counts = summed.counts(said[None], gold, number, 1)[0]
    return summed.score(weights @ counts)


def _from_values(
    metric: str, gold: np.ndarray, said: np.ndarray, number: np.ndarray, weights: np.ndarray
) -> np.ndarray:
    """The same, for a metric that has no such counts."""
    rows = np.arange(len(gold))
    found = []
    for drawn in weights:
        chosen = np.repeat(rows, drawn[number])
        found.append(METRICS[metric].score(gold[chosen], said[chosen]))
    return np.array(found)
