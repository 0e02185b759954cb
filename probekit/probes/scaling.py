"""Scaling: the coordinates in which probes are trained, measured on training words.

They are those of each view's words, for a mix of layers as it is before training.

An invertible linear map of the states changes nothing of what a linear probe can read, so it should
not change the score. Words are therefore whitened: less their mean, times the inverse of a root of
their covariance. In white coordinates such maps differ only by a rotation, on which nothing in the
fit depends (see `Adam`).

With few training sentences, white coordinates alone let probes overfit: directions of large
variance tend to be the useful ones, and whitening discards the scale. What neighbouring words share
tells useful directions too, and is the same in every basis (`_shared_by_neighbours`).

A product a * b of two vectors is defined coordinate by coordinate, so tasks with products keep the
model's own coordinates, each standardised. Their probes are trained in the principal axes of
standardised words, where these are uncorrelated.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import torch

from probekit.errors import ModelError
from probekit.probes.batches import Runs
from probekit.probes.mixture import Mixture
from probekit.probes.pooling import products, slots, take
from probekit.probes.triangles import add_squares, mirrored, times_upper
from probekit.tasks.question import Question

WORDS = 16_384  # that covariances are measured on
SIZING_WORDS = 4_096
DIRECTIONS = 64  # random ones, along which vectors' lengths are estimated
# Added to the covariance, as a share of each dimension's variance. Half precision rounds a number
# by 2e-8 of its square on average: nothing that small is made large.
RIDGE = 1e-7
FLOOR = 0.02  # a squared canonical correlation, for directions in which nothing is shared
CHANCE = 2  # times the squared correlation expected by chance, added to the floor
# Words per dimension. With fewer, the covariance is shrunk towards its diagonal, and nothing is
# rescaled.
ENOUGH = 4


@dataclass(frozen=True)
class Scaling:
    """In which coordinates each view's probes are trained.

    Attributes:
        mean, deviation: of training words, `(views, 1, dim)` each.
        bases: for each task the coordinates of its probes as columns, `(views, dim, dim)`: words
            less their mean, times this matrix, are white, or standardised for tasks with products
            (see `scaling.measure`). None where words already are in these coordinates.
        sizes: root mean square of a number in each task's vectors, `(tasks, views)`.
        product_sizes: the same of its products a * b, `(tasks, views)`; 1 for tasks without.
        upper: whether the bases of white words are upper triangular.
    """

    mean: torch.Tensor
    deviation: torch.Tensor
    bases: tuple[torch.Tensor | None, ...]
    sizes: torch.Tensor
    product_sizes: torch.Tensor
    upper: bool = False

    def to(self, device: torch.device) -> Scaling:
        """The same on a device."""
        bases = []
        for basis in self.bases:
            bases.append(None if basis is None else basis.to(device))
        return Scaling(
            self.mean.to(device),
            self.deviation.to(device),
            tuple(bases),
            self.sizes.to(device),
            self.product_sizes.to(device),
            self.upper,
        )

    def white(self, words: torch.Tensor) -> torch.Tensor:
        """Words `(views, words, dim)`, float32, in the coordinates of their probes, which must be
        the same for every task."""
        basis = self.bases[0]
        assert basis is not None
        centred = words - self.mean
        return times_upper(centred, basis) if self.upper else torch.bmm(centred, basis)

    def of_whitened(self) -> Scaling:
        """The same for words in the coordinates of their probes (see `Whitened`)."""
        return replace(self, mean=torch.zeros_like(self.mean), bases=(None,) * len(self.bases))


@torch.no_grad()
def measure(
    train: Runs,
    questions: Sequence[Question],
    layers: Sequence[int],
    mixture: Mixture,
    device: torch.device,
) -> Scaling:
    """The coordinates of every task's probes, from training words spread over the split.

    Args:
        train: the split.
        questions: the tasks and their instances.
        layers: those read.
        mixture: what makes views of them.
        device: where the result lies.

    Raises ModelError where states are not finite.
    """
    moments = _moments(train, layers, mixture)
    kinds = {question.task.features for question in questions}
    found: dict[str, list[torch.Tensor]] = {kind: [] for kind in kinds}
    deviations = []
    # One view after another: intermediate matrices are several times as large as the result.
    for number, covariance in enumerate(moments.covariance):
        variance = covariance.diagonal()
        # A dimension that never varies carries nothing: it is left as it is, not divided by zero.
        variance = torch.where(variance > 1e-12, variance, torch.ones_like(variance))
        deviations.append(variance.sqrt().float().unsqueeze(0))
        if "concat" in kinds:
            following = None if moments.following is None else moments.following[number]
            found["concat"].append(_concat_axes(covariance, variance, following, moments.n))
        if "product" in kinds:
            found["product"].append(_principal_axes(covariance, variance.sqrt()).float())
    bases = {kind: torch.stack(axes).to(device) for kind, axes in found.items()}
    mean, deviation = moments.mean.float().to(device), torch.stack(deviations).to(device)
    of_tasks = tuple(bases[question.task.features] for question in questions)
    return Scaling(
        mean,
        deviation,
        of_tasks,
        *_sizes(train, questions, layers, mixture, _Coordinates(mean, deviation, bases)),
        upper=moments.following is None,
    )


@torch.no_grad()
def white_words(
    train: Runs, layers: Sequence[int], mixture: Mixture, device: torch.device
) -> tuple[torch.Tensor, torch.Tensor]:
    """The mean `(views, 1, dim)` of training words, and axes `(views, dim, dim)` as columns, in
    which words less their mean are white but for what neighbours share, of unit size on average.

    Args: as for `measure`.

    Raises ModelError where states are not finite.
    """
    moments = _moments(train, layers, mixture)
    axes = []
    for number, covariance in enumerate(moments.covariance):
        variance = covariance.diagonal()
        variance = torch.where(variance > 1e-12, variance, torch.ones_like(variance))
        following = None if moments.following is None else moments.following[number]
        basis = _concat_axes(covariance, variance, following, moments.n)
        size = (basis.T @ covariance.float() @ basis).diagonal().mean().sqrt()
        axes.append(basis / size.clamp_min(1e-6))
    return moments.mean.float().to(device), torch.stack(axes).to(device)


@dataclass(frozen=True)
class _Moments:
    """Moments of training words, in float64; in float32 where a covariance of few words is shrunk,
    by far more than that rounds.

    Attributes:
        n: how many vectors were read: of words, or of texts where the words of a text share one.
        mean: `(views, 1, dim)`.
        covariance: `(views, dim, dim)`.
        following: covariance of a word (rows) with the next one (columns), `(views, dim, dim)`;
            None where there are too few vectors to measure it.
    """

    n: int
    mean: torch.Tensor
    covariance: torch.Tensor
    following: torch.Tensor | None


def _moments(train: Runs, layers: Sequence[int], mixture: Mixture) -> _Moments:
    """Raises ModelError where states are not finite."""
    n = distinct = 0
    dim = train.states.dim
    has_following = min(train.n_words, WORDS) >= ENOUGH * dim
    finite = torch.ones(len(layers), dtype=torch.bool)
    # The mean of some words: what varies little about a large mean is not lost in rounding.
    near = total = square = torch.empty(0)
    following: torch.Tensor | None = None
    for batch in train.samples(WORDS, layers, mixture.device):
        finite &= torch.isfinite(batch.states).flatten(1).all(1).cpu()
        values = mixture(batch.states)
        values = _in_double(values) if has_following else values.float()
        if not n:
            near = values.mean(1, keepdim=True)
            total = torch.zeros_like(near)
            square = values.new_zeros(len(values), dim, dim)
            following = torch.zeros_like(square) if has_following else None
        values = values - near
        n += values.shape[1]
        distinct += _runs_of_equals(batch.states)
        total += values.sum(1, keepdim=True)
        add_squares(square, values)
        if following is not None:
            following.baddbmm_(values[:, :-1].transpose(1, 2), values[:, 1:])
    broken = [str(layer) for layer, is_finite in zip(layers, finite, strict=True) if not is_finite]
    if broken:
        layers_named = f"layer{'s' * (len(broken) > 1)} {', '.join(broken)}"
        raise ModelError(f"hidden states are not finite at {layers_named}: has training diverged?")
    mean = total / n
    for second in (mirrored(square), following):
        if second is not None:
            second.div_(n).baddbmm_(mean.transpose(1, 2), mean, alpha=-1)
    if 2 * distinct < n:  # as with `[CLS]`, or given vectors of sentences
        n = distinct
        following = following if n >= ENOUGH * dim else None
    return _Moments(n, mean + near, square, following)


def _in_double(values: torch.Tensor) -> torch.Tensor:
    """In float64, which GPUs of Apple do not have."""
    return values.cpu().double() if values.device.type == "mps" else values.double()


def _runs_of_equals(states: torch.Tensor) -> int:
    """How many runs of neighbouring words with the same vectors there are, in `(layers, words,
    dim)`."""
    changes = (states[:, 1:] != states[:, :-1]).any(dim=2).any(dim=0)
    return 1 + int(changes.sum())


def _concat_axes(
    covariance: torch.Tensor, variance: torch.Tensor, following: torch.Tensor | None, n: int
) -> torch.Tensor:
    """White coordinates, rescaled by what neighbouring words share: `(dim, dim)`, float32."""
    dim = len(variance)
    if following is None:
        factor = _factor(covariance, variance, dim / (dim + n))
        identity = torch.eye(dim, dtype=factor.dtype, device=factor.device)
        return torch.linalg.solve_triangular(factor.T, identity, upper=True).float()
    factor = _factor(covariance, variance, RIDGE)
    shared = _shared_by_neighbours(_in_white(following, factor), n).to(factor.dtype)
    return torch.linalg.solve_triangular(factor.T, shared, upper=True).float()


def _factor(covariance: torch.Tensor, variance: torch.Tensor, share: float) -> torch.Tensor:
    """The Cholesky factor L of the covariance, of which a `share` is replaced by the variances:
    `(dim, dim)`. Words times the inverse of L' are white."""
    shrunk = (1 - share) * covariance
    shrunk.diagonal().add_(share * variance)
    return torch.linalg.cholesky(shrunk)


def _in_white(following: torch.Tensor, factor: torch.Tensor) -> torch.Tensor:
    """The covariance of words with the next ones, in the white coordinates of a Cholesky factor."""
    rows = torch.linalg.solve_triangular(factor, following, upper=False)
    return torch.linalg.solve_triangular(factor, rows.T, upper=False).T


def _shared_by_neighbours(cross: torch.Tensor, n: int) -> torch.Tensor:
    """R, `(dim, dim)`, which rescales white coordinates by what a word and the next one share.

    `cross` is their covariance, `(dim, dim)`, in white coordinates, over `n` words: its singular
    values are the canonical correlations of neighbouring words. R R' is the mean of its two
    squares, plus a floor. A penalty on weights in these coordinates spares directions that two
    views of the text share (Kakade and Foster 2007, Multi-view regression via canonical correlation
    analysis), and no basis of the states changes it.
    """
    cross = cross.float().unsqueeze(0)
    squares = torch.zeros_like(cross)
    add_squares(squares, cross)
    add_squares(squares, cross.transpose(1, 2))
    shared = mirrored(squares)[0] / 2
    shared.diagonal().add_(FLOOR + CHANCE * len(shared) / n)
    return torch.linalg.cholesky(shared)


def _principal_axes(covariance: torch.Tensor, deviation: torch.Tensor) -> torch.Tensor:
    """Principal axes of standardised words as columns, to apply to words as they are."""
    correlation = covariance / (deviation[:, None] * deviation)
    return torch.linalg.eigh(correlation)[1] / deviation[:, None]


class _Coordinates(NamedTuple):
    """Means and deviations `(views, 1, dim)`, and the bases of each kind of task."""

    mean: torch.Tensor
    deviation: torch.Tensor
    bases: dict[str, torch.Tensor]


def _sizes(
    train: Runs,
    questions: Sequence[Question],
    layers: Sequence[int],
    mixture: Mixture,
    coordinates: _Coordinates,
) -> tuple[torch.Tensor, torch.Tensor]:
    """Root mean squares of a number in each task's vectors, and in its products: `(tasks, views)`
    each.

    The squared length of x T is the mean of (x T g)² over random g of unit variance (Hutchinson
    1990), which needs only the few columns T g.
    """
    mean, deviation, bases = coordinates
    generator = torch.Generator().manual_seed(0)
    drawn = torch.randn(train.states.dim, DIRECTIONS, generator=generator).to(mean.device)
    directions = {kind: basis @ drawn for kind, basis in bases.items()}
    squares = torch.zeros(2, len(questions), len(mean), device=mean.device)
    n = torch.zeros(len(questions), 1, device=mean.device)
    for batch in train.samples(SIZING_WORDS, layers, mean.device):
        centred = mixture(batch.states) - mean
        for t, (question, spans) in enumerate(zip(questions, batch.spans, strict=True)):
            n[t] += len(spans)
            parts = slots(question.task)
            along = centred @ directions[question.task.features]
            for slot in parts:
                squares[0, t] += (
                    take(along, spans, slot).square().mean(2).sum(1) / train.states.dim / len(parts)
                )
            if question.task.features == "product":
                squares[1, t] += products(centred / deviation, spans, parts).square().mean(2).sum(1)
    # No instance among these words, or none that varies: as they are.
    found = torch.where(squares > 0, squares / n.clamp_min(1), torch.ones_like(squares)).sqrt()
    return found[0], found[1]
