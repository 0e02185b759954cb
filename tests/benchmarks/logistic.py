"""Multinomial logistic regression, fitted to convergence: the referee of linear probes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np
import torch
from scipy.optimize import minimize
from torch.nn.functional import cross_entropy

from probekit.corpora.passage import Split
from tests.benchmarks.answers import Answer, predictions_of

GRID = (3e-4, 1e-3, 3e-3, 1e-2, 3e-2, 0.1, 0.3, 1.0, 3.0, 10.0, 30.0, 100.0)
ITERATIONS = 2_000
CONVERGED = 3e-4  # length of the gradient, as a share of its length where all parameters are zero
NULL = 1e-6  # share of the mean variance, below which a direction is rounding
CURVATURE = 0.05  # of the loss along a direction of variance 1, roughly


def answers(
    x: Mapping[Split, torch.Tensor], labels: np.ndarray, n_classes: int
) -> Iterator[Answer]:
    """Of regressions with ever larger C, each of which begins with the one before it.

    Args:
        x: standardised vectors `(n, width)` of every split.
        labels: `(n_train,)`.
        n_classes: how many there are.
    """
    axes = principal_axes(x["train"])
    # A penalty on the weights' squares does not depend on the axes, and along these the vectors are
    # uncorrelated.
    turned = {split: rows @ axes for split, rows in x.items()}
    target = torch.from_numpy(labels).to(axes.device)
    parameters = turned["train"].new_zeros(axes.shape[1] + 1, n_classes)
    for c in GRID:
        parameters = regression(turned["train"], target, c, parameters)
        logits = {split: scores(turned[split], parameters) for split in ("dev", "test")}
        yield Answer(c, predictions_of(logits))  # type: ignore[arg-type]


def principal_axes(x: torch.Tensor) -> torch.Tensor:
    """Principal axes of centred vectors `(n, width)`, one a column, without those along which
    nothing varies."""
    covariance = (x.T @ x).double() / len(x)
    variances, axes = torch.linalg.eigh(covariance)
    return axes[:, variances > NULL * variances.mean()].to(x.dtype)


def scores(x: torch.Tensor, parameters: torch.Tensor) -> torch.Tensor:
    """Logits `(n, classes)` of vectors `(n, width)`. The last row of the parameters is the bias."""
    return torch.addmm(parameters[-1], x, parameters[:-1])


def objective(
    x: torch.Tensor, labels: torch.Tensor, c: float, parameters: torch.Tensor
) -> torch.Tensor:
    """Mean cross-entropy in nats, and the penalty of scikit-learn's C, which is on the sum; the
    bias is free."""
    each = cross_entropy(scores(x, parameters), labels, reduction="none")
    # In double precision: near the minimum the differences are smaller than a float's.
    return each.double().mean() + parameters[:-1].double().square().sum() / (2 * c * len(x))


def regression(
    x: torch.Tensor, labels: torch.Tensor, c: float, start: torch.Tensor
) -> torch.Tensor:
    """The parameters `(width + 1, classes)` that minimise the objective, sought from `start` on by
    L-BFGS.

    Raises RuntimeError where it has not converged.
    """
    # In units that make the objective curve about equally in all directions if those of `x` are
    # uncorrelated.
    variances = torch.cat([x.square().mean(dim=0), x.new_ones(1)])
    units = (CURVATURE * variances + 1 / (c * len(x))).rsqrt().unsqueeze(1)

    latest = np.inf

    def value_and_gradient(flat: np.ndarray) -> tuple[float, np.ndarray]:
        nonlocal latest
        scaled = torch.from_numpy(flat).to(x).view_as(start).requires_grad_()
        value = objective(x, labels, c, units * scaled)
        value.backward()
        assert scaled.grad is not None
        gradient = scaled.grad.double().cpu().numpy().ravel()
        latest = float(np.linalg.norm(gradient))
        return value.item(), gradient

    def stop_where_flat(_: np.ndarray) -> None:
        if latest < CONVERGED * steepest:
            raise StopIteration

    value_and_gradient(np.zeros(start.numel()))
    steepest = latest

    options = {"maxiter": ITERATIONS, "maxfun": 2 * ITERATIONS, "ftol": 0, "gtol": 0, "maxcor": 20}
    begin = (start / units).double().cpu().numpy().ravel()
    found = minimize(
        value_and_gradient,
        begin,
        jac=True,
        method="L-BFGS-B",
        callback=stop_where_flat,
        options=options,
    )
    value_and_gradient(found.x)
    if not latest < CONVERGED * steepest:
        left = latest / steepest
        raise RuntimeError(
            f"not converged at C = {c:g}: {left:.1e} of the gradient is left ({found.message})"
        )
    return units * torch.from_numpy(found.x).to(x).view_as(start)
