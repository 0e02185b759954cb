"""Nested: an order of training examples, of which the first n are the sample of n labels."""

from __future__ import annotations

import numpy as np

from probekit.tuning.data import NONE, UNSEEN, Data


def nested_order(data: Data, seed: int) -> np.ndarray:
    """The numbers of all training examples, in an order whose every beginning is a fair sample.

    First come examples that together have every class, as few as a greedy choice finds. Of texts
    the others follow so that every beginning has the classes in nearly the shares of the data; of
    words, and of numbers, they follow at random.

    Args:
        data: the examples.
        seed: each gives another sample.

    Returns `(examples,)` numbers.
    """
    random = np.random.default_rng([seed, 1])
    labels = data.splits["train"].labels
    order = random.permutation(len(labels))
    if data.target == "numbers":
        return order
    first = _one_of_each([set(labels[i].tolist()) - {NONE, UNSEEN} for i in order.tolist()])
    chosen, others = order[first], np.delete(order, first)
    if data.target == "texts" and len(others):
        own = np.array([labels[i][0] for i in others.tolist()])
        others = others[np.argsort(_shares(own, random), kind="stable")]
    return np.concatenate([chosen, others])


def _one_of_each(classes: list[set[int]]) -> list[int]:
    """The places of examples that together have all classes: at each step the first that adds the
    most."""
    missing = set().union(*classes)
    found = []
    while missing:
        added = [len(one & missing) for one in classes]
        best = int(np.argmax(added))
        found.append(best)
        missing -= classes[best]
    return found


def _shares(labels: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """For each example the share of its class that precedes it, with chance in the last place."""
    found = np.empty(len(labels))
    for label in np.unique(labels):
        places = np.flatnonzero(labels == label)
        steps = np.arange(len(places)) + random.random()
        found[places] = steps / len(places)
    return found
