"""Linear form: a saved probe as coefficients and intercepts, and the other way round."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from probekit.errors import InputError

if TYPE_CHECKING:
    from probekit.probes.saved.saved_probe import SavedProbe

COLLAPSES = ("linear", "rank")
"""Heads that are one linear map."""


def finite(parameter: str, given: Any) -> np.ndarray:
    """Numbers as an array in double precision. Raises InputError for anything else."""
    try:
        array = np.asarray(given, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise InputError(f"{parameter} takes numbers, not a {type(given).__name__}") from error
    if not array.size or not np.isfinite(array).all():
        raise InputError(f"{parameter} takes finite numbers, at least one")
    return array


def read_classifier(classifier: Any) -> tuple[np.ndarray, np.ndarray, tuple[str, ...]]:
    """The coefficients `(rows, features)`, intercepts `(rows,)` and labels of a classifier.

    Raises InputError for one without these, or where they do not fit each other.
    """
    for name in ("coef_", "intercept_", "classes_"):
        if not hasattr(classifier, name):
            raise InputError(
                "classifier takes a fitted linear classifier of scikit-learn: this "
                f"{type(classifier).__name__} has no {name}"
            )
    coef = np.atleast_2d(finite("coef_", classifier.coef_))
    classes = tuple(str(label) for label in classifier.classes_)
    rows = 1 if len(classes) == 2 else len(classes)
    # scikit-learn's intercept is one number where none was fitted.
    intercept = np.broadcast_to(finite("intercept_", classifier.intercept_), rows)
    if coef.ndim != 2 or len(coef) != rows:
        raise InputError(
            f"classifier has {len(classes)} classes and a coef_ {coef.shape}: expected {rows} rows"
        )
    return coef, intercept, classes


def of_coefficients(coef: np.ndarray, intercept: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """A weight `(features, classes)` and a bias `(classes,)`, float32, of coefficients with a row
    for each class; one row means two classes, of which the second has a positive product."""
    weight, bias = coef.T, intercept
    if len(coef) == 1:
        weight = np.concatenate([np.zeros_like(weight), weight], axis=1)
        bias = np.concatenate([np.zeros(1), bias])
    return np.ascontiguousarray(weight, dtype=np.float32), np.asarray(bias, dtype=np.float32)


def of_probe(probe: SavedProbe, form: str) -> tuple[np.ndarray, np.ndarray]:
    """A probe's weight `(slots * dim, classes)` and bias `(classes,)`.

    Raises InputError, which names the form wanted, where it is not one linear map.
    """
    kind = probe.head.partition(":")[0]
    if kind not in COLLAPSES or probe.attention is not None:
        what = "attention over spans" if kind in COLLAPSES else f"the head '{probe.head}'"
        raise InputError(f"{probe.name}: {what} is not linear, so that it has no form as {form}")
    weight, bias = probe.weight, probe.bias
    if kind == "rank":
        second = probe.further["second"]
        weight, bias = weight @ second, bias @ second + probe.further["second_bias"]
    return weight.reshape(-1, weight.shape[-1]), bias


def as_classifier(weight: np.ndarray, bias: np.ndarray, classes: Sequence[str]) -> Any:
    """The same as a fitted LogisticRegression. Raises InputError without scikit-learn."""
    try:
        from sklearn.linear_model import LogisticRegression
    except ImportError as error:
        raise InputError(
            "to_sklearn needs scikit-learn: pip install 'probekit-nlp[trainer]'"
        ) from error
    found = LogisticRegression()
    if len(classes) == 2:
        weight, bias = weight[:, 1:] - weight[:, :1], bias[1:] - bias[:1]
    found.coef_, found.intercept_ = np.ascontiguousarray(weight.T), bias
    found.classes_, found.n_features_in_ = np.array(classes), len(weight)
    found.n_iter_ = np.zeros(1, dtype=np.int32)
    return found
