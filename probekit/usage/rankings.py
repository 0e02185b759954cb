"""Rankings: how much each neuron tells of each label, by three methods, each an entry in RANKINGS.

A neuron is one dimension of a layer's states.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

BINS = 10
EPOCHS = 20
PENALTY, L1_SHARE = 1e-4, 0.5  # of the elastic net


class Importance(NamedTuple):
    """How much neurons tell; higher is more.

    Attributes:
        of_labels: `(labels, dim)`.
        overall: `(dim,)`.
    """

    of_labels: np.ndarray
    overall: np.ndarray


Ranking = Callable[[np.ndarray, np.ndarray, int], Importance]
"""From vectors `(n, dim)`, labels `(n,)` and the number of labels to what neurons tell."""


def weights(values: np.ndarray, labels: np.ndarray, n_labels: int) -> Importance:
    """Absolute weights of a logistic regression with an elastic net, of standardised neurons
    (Dalvi et al. 2019, What is one grain of sand in the desert?); overall their mean."""
    from sklearn.linear_model import SGDClassifier

    deviation = values.std(axis=0)
    standard = (values - values.mean(axis=0)) / np.where(deviation > 0, deviation, 1)
    model = SGDClassifier(
        loss="log_loss",
        penalty="elasticnet",
        alpha=PENALTY,
        l1_ratio=L1_SHARE,
        max_iter=EPOCHS,
        tol=None,
        random_state=0,
    )
    found = np.abs(model.fit(standard, labels).coef_)
    of_labels = np.zeros((n_labels, values.shape[1]))
    # Two labels share one row of weights.
    of_labels[model.classes_] = found if len(found) > 1 else found[0]
    return Importance(of_labels, of_labels.mean(axis=0))


def probeless(values: np.ndarray, labels: np.ndarray, n_labels: int) -> Importance:
    """Differences between the mean vectors of labels, summed over pairs (Antverg and Belinkov 2022,
    section 3.1); of one label, over its pairs."""
    counts = np.bincount(labels, minlength=n_labels)
    one_hot = np.zeros((n_labels, len(labels)), dtype=values.dtype)
    one_hot[labels, np.arange(len(labels))] = 1
    means = (one_hot @ values) / np.maximum(counts, 1)[:, None]
    of_labels = np.zeros((n_labels, values.shape[1]))
    for label in np.flatnonzero(counts):
        of_labels[label] = np.abs(means[counts > 0] - means[label]).sum(axis=0)
    return Importance(of_labels, of_labels.sum(axis=0) / 2)


def information(values: np.ndarray, labels: np.ndarray, n_labels: int) -> Importance:
    """Mutual information, in nats, of the label and of the neuron in ten bins of equal size."""
    from sklearn.metrics import mutual_info_score

    of_labels = np.zeros((n_labels, values.shape[1]))
    overall = np.zeros(values.shape[1])
    inner = np.linspace(0, 1, BINS + 1)[1:-1]
    for neuron, column in enumerate(values.T):
        binned = np.searchsorted(np.quantile(column, inner), column)
        counts = np.bincount(labels * BINS + binned, minlength=n_labels * BINS)
        table = counts.reshape(n_labels, BINS)
        overall[neuron] = mutual_info_score(None, None, contingency=table)
        for label, of_label in enumerate(table):
            two = np.stack([of_label, table.sum(axis=0) - of_label])
            of_labels[label, neuron] = mutual_info_score(None, None, contingency=two)
    return Importance(of_labels, overall)


RANKINGS: dict[str, Ranking] = {
    "weights": weights,
    "probeless": probeless,
    "information": information,
}


def importance(
    method: str, parts: Sequence[np.ndarray], labels: np.ndarray, n_labels: int
) -> Importance:
    """What neurons tell by a method, summed over the parts of instances.

    Args:
        method: a name in RANKINGS.
        parts: vectors of each part of the instances, `(n, dim)` each.
        labels: `(n,)`.
        n_labels: how many there are.
    """
    found = [RANKINGS[method](values, labels, n_labels) for values in parts]
    of_labels = np.sum([one.of_labels for one in found], axis=0)
    return Importance(of_labels, np.sum([one.overall for one in found], axis=0))


def ranked(values: np.ndarray) -> np.ndarray:
    """The numbers of neurons, the most important first: `(dim,)`; at a tie the lower one."""
    return np.argsort(-values, kind="stable")
