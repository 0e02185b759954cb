"""Scaling: the coordinates in which probes are trained, measured on training words.

A linear map of the states that can be undone changes nothing of what is linearly there, so it should not change a
probe's score. Words are therefore whitened: less their mean, times the inverse of a root of their covariance. In white
coordinates all such maps look alike but for a rotation, and nothing in the fit depends on that (see `Adam`).

A product a * b of two vectors is defined coordinate by coordinate, so tasks with products keep the model's own
coordinates, each standardised. Their probes are trained in the principal axes of standardised words, where these are
uncorrelated.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch

from probekit.errors import ModelError
from probekit.probes.batches import Runs
from probekit.probes.heads import Scaling, products
from probekit.probes.pooling import slots, take
from probekit.tasks.instances import TaskData

WORDS = 16_384  # that covariances are measured on
SIZING_WORDS = 4_096
DIRECTIONS = 64  # random ones, along which vectors' lengths are estimated
# Added to the covariance, as a share of each dimension's variance. Half precision rounds a number by 2e-8 of its
# square on average: what is no larger than that is not made large.
RIDGE = 1e-7
FLOOR = 0.1
ENOUGH = 4  # words a dimension; with fewer the covariance is drawn towards its diagonal


def measure(train: Runs, tasks: Sequence[TaskData], layers: Sequence[int], device: torch.device) -> Scaling:
    """The coordinates of every task's probes, from training words spread over the split."""
    n, mean, covariance, following = _moments(train, layers, device)
    variance = covariance.diagonal(dim1=1, dim2=2)
    # A dimension that never varies carries nothing: leave it as it is rather than divide by nothing.
    variance = torch.where(variance > 1e-12, variance, torch.ones_like(variance))
    deviation = variance.sqrt().unsqueeze(1)
    kinds = {data.task.features for data in tasks}
    bases: dict[str, torch.Tensor] = {}
    if "concat" in kinds:
        white = _whitening(covariance, variance, n)
        bases["concat"] = (white @ _prior(white, following)).float().to(device)
    if "product" in kinds:
        bases["product"] = _principal_axes(covariance, deviation).float().to(device)
    mean, deviation = mean.float().to(device), deviation.float().to(device)
    of_tasks = tuple(bases[data.task.features] for data in tasks)
    return Scaling(mean, deviation, of_tasks, *_sizes(train, tasks, layers, mean, deviation, bases))


def _moments(
    train: Runs, layers: Sequence[int], device: torch.device
) -> tuple[int, torch.Tensor, torch.Tensor, torch.Tensor]:
    """How many words were read, their mean `(layers, 1, dim)`, covariance and covariance with the following word
    `(layers, dim, dim)`, in float64.

    Raises ModelError where they are not finite.
    """
    n = 0
    total = square = following = torch.zeros(1, dtype=torch.float64)  # on the CPU: not every GPU has float64
    near: torch.Tensor | None = None  # the mean of some words: what varies little about a large mean is not lost
    for batch in train.samples(WORDS, layers, device):
        values = batch.states.cpu().double()
        near = values.mean(1, keepdim=True) if near is None else near
        values = values - near
        n += values.shape[1]
        total = total + values.sum(1, keepdim=True)
        square = square + torch.bmm(values.transpose(1, 2), values)
        following = following + torch.bmm(values[:, :-1].transpose(1, 2), values[:, 1:])
    assert near is not None
    broken = [layer for layer, sums in zip(layers, total, strict=True) if not torch.isfinite(sums).all()]
    if broken:
        raise ModelError(
            f"hidden states are not finite at layers {', '.join(map(str, broken))}: has training diverged?"
        )
    mean = total / n
    centre = mean.transpose(1, 2) * mean
    return n, mean + near, square / n - centre, following / n - centre


def _prior(white: torch.Tensor, following: torch.Tensor) -> torch.Tensor:
    """R, `(layers, dim, dim)`: directions of white words that are shared by neighbouring words, made larger.

    R R' is K, over its mean, plus FLOOR; K's eigenvalues are the squared canonical correlations of a word and the next.
    """
    cross = white.transpose(1, 2) @ following @ white
    shared = (cross.transpose(1, 2) @ cross + cross @ cross.transpose(1, 2)) / 2
    diagonal = shared.diagonal(dim1=1, dim2=2)
    shared = shared / diagonal.mean(1)[:, None, None].clamp_min(1e-12)
    shared.diagonal(dim1=1, dim2=2).add_(FLOOR)
    return torch.linalg.cholesky(shared)


def _whitening(covariance: torch.Tensor, variance: torch.Tensor, n: int) -> torch.Tensor:
    """T with T' C T = 1, `(layers, dim, dim)`: the inverse of C's Cholesky factor, transposed."""
    dim = covariance.shape[1]
    share = RIDGE if n >= ENOUGH * dim else dim / (dim + n)
    shrunk = (1 - share) * covariance
    shrunk.diagonal(dim1=1, dim2=2).add_(share * variance)
    identity = torch.eye(dim, dtype=covariance.dtype).expand_as(shrunk)
    return torch.linalg.solve_triangular(torch.linalg.cholesky(shrunk), identity, upper=False).transpose(1, 2)


def _principal_axes(covariance: torch.Tensor, deviation: torch.Tensor) -> torch.Tensor:
    """Of standardised words, one a column, to be applied to words that are not: `(layers, dim, dim)`."""
    correlation = covariance / (deviation.transpose(1, 2) * deviation)
    return torch.linalg.eigh(correlation)[1] / deviation.transpose(1, 2)


def _sizes(
    train: Runs,
    tasks: Sequence[TaskData],
    layers: Sequence[int],
    mean: torch.Tensor,
    deviation: torch.Tensor,
    bases: dict[str, torch.Tensor],
) -> tuple[torch.Tensor, torch.Tensor]:
    """Root mean squares of a number in each task's vectors, and in its products: `(tasks, layers)` each.

    The squared length of x T is the mean of (x T g)² over random g of unit variance (Hutchinson 1990), which needs
    only the few columns T g.
    """
    generator = torch.Generator().manual_seed(0)
    drawn = torch.randn(train.states.dim, DIRECTIONS, generator=generator).to(mean.device)
    directions = {kind: basis @ drawn for kind, basis in bases.items()}
    squares = torch.zeros(2, len(tasks), len(layers), device=mean.device)
    n = torch.zeros(len(tasks), 1, device=mean.device)
    for batch in train.samples(SIZING_WORDS, layers, mean.device):
        centred = batch.states - mean
        for t, (data, spans) in enumerate(zip(tasks, batch.spans, strict=True)):
            n[t] += len(spans)
            parts = slots(data.task)
            along = centred @ directions[data.task.features]
            for slot in parts:
                squares[0, t] += take(along, spans, slot).square().mean(2).sum(1) / train.states.dim / len(parts)
            if data.task.features == "product":
                squares[1, t] += products(centred / deviation, spans, parts).square().mean(2).sum(1)
    # No instance among these words, or none that varies: as they are.
    found = torch.where(squares > 0, squares / n.clamp_min(1), torch.ones_like(squares)).sqrt()
    return found[0], found[1]
