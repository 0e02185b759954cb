"""Layers: where in a model a task is solved, as a mean of layers."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np


def expected_layer(cumulative: np.ndarray, layers: Sequence[int] | None = None) -> float:
    """Where a task is solved, in layers from 0: the mean of the layers, weighted by what each adds.

    Tenney et al. 2019, equation 4. Missing (NaN) where nothing is added to layer 0, or there is no
    layer 0.

    Args:
        cumulative: `(layers,)` scores with layers 0 to k: in the paper of a scalar mix, for single
            layers their running maximum.
        layers: their numbers, where not all were read.

    >>> round(expected_layer(np.array([0.5, 0.8, 0.9])), 2)  # ¾ of the gain is at layer 1
    1.25
    """
    numbers = np.arange(len(cumulative)) if layers is None else np.asarray(layers)
    gains = np.diff(cumulative)
    if numbers[0] or gains.sum() <= 0:
        return float("nan")
    return float((gains * numbers[1:]).sum() / gains.sum())


def centre_of_gravity(shares: np.ndarray, layers: Sequence[int]) -> float:
    """The mean layer by the shares `(layers,)` of a mix: Tenney et al. 2019, equation 2.

    >>> centre_of_gravity(np.array([0.0, 0.5, 0.5]), [0, 1, 2])
    1.5
    """
    return float(shares @ np.asarray(layers))


def divergence_from_uniform(shares: np.ndarray) -> float:
    """Kullback-Leibler divergence of shares `(layers,)` from equal ones, in bits: 0 where all are
    equal, log2 of the number of layers where one has all (Tenney et al. 2019, section 3).

    >>> divergence_from_uniform(np.array([1.0, 0.0, 0.0, 0.0]))
    2.0
    """
    present = shares[shares > 0]
    return float((present * np.log2(present * len(shares))).sum())
