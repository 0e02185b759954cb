"""Pooling: from words to spans, after the projection.

A linear map commutes with the mean of a span and with concatenation. So words are projected first,
once each, and the few projected numbers are pooled and added up: span and pair vectors are never
built. So it is with attention, whose scores are another linear map of the words.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import torch

from probekit.engine.streams import sent
from probekit.probes.attention import attended
from probekit.tasks.task import Task


@dataclass(frozen=True)
class Slot:
    """One part of an instance's vector: a word of a span, or a mean of its words.

    Attributes:
        span: which of the instance's spans.
        take: what of it.
    """

    span: int
    take: Literal["first", "last", "mean", "attention"]


def slots(task: Task) -> tuple[Slot, ...]:
    """The parts that are concatenated into an instance's vector."""
    if task.shape == "word":
        return (Slot(0, "first"),)
    if task.span == "head":  # instances have the head alone to be read
        return tuple(Slot(span, "first") for span in range(task.arity))
    if task.span == "ends":
        return tuple(Slot(span, take) for span in range(task.arity) for take in ("first", "last"))
    return tuple(Slot(span, task.span) for span in range(task.arity))


def take(
    values: torch.Tensor, spans: torch.Tensor, slot: Slot, scores: torch.Tensor | None = None
) -> torch.Tensor:
    """One slot of every instance.

    Args:
        values: `(layers, words, k)`.
        spans: `(n, arity, 2)` positions among the words, on the CPU.
        slot: what is taken.
        scores: of attention, `(layers, words, seeds)`, where k is divided among seeds. Without
            them all words weigh the same.

    Returns `(layers, n, k)`.

    >>> words = torch.tensor([[[1.0], [3.0], [5.0]]])
    >>> take(words, torch.tensor([[[0, 2]], [[1, 3]]]), Slot(0, "mean")).tolist()
    [[[2.0], [4.0]]]
    """
    start, end = spans[:, slot.span, 0], spans[:, slot.span, 1]
    if slot.take == "first" or bool((end - start == 1).all()):
        return _rows(values, start)
    if slot.take == "last":
        return _rows(values, end - 1)
    if scores is not None:
        return attended(values, scores, start, end)
    found = _SpanMean.apply(values, sent(start, values.device), sent(end, values.device))
    assert isinstance(found, torch.Tensor)
    return found


def _rows(values: torch.Tensor, words: torch.Tensor) -> torch.Tensor:
    # A task with one instance for every word needs no copy.
    every = len(words) == values.shape[1] and torch.equal(words, torch.arange(len(words)))
    return values if every else values.index_select(1, sent(words, values.device))


def products(standard: torch.Tensor, spans: torch.Tensor, parts: Sequence[Slot]) -> torch.Tensor:
    """a * b of every pair, `(layers, n, dim)`, from standardised words `(layers, words, dim)`."""
    half = len(parts) // 2
    a = torch.stack([take(standard, spans, slot) for slot in parts[:half]]).mean(0)
    b = torch.stack([take(standard, spans, slot) for slot in parts[half:]]).mean(0)
    return a * b


class _SpanMean(torch.autograd.Function):
    """The mean of each span, by differences of prefix sums.

    The gradient of a word is a running sum over spans that begin and end.
    """

    @staticmethod
    def forward(
        ctx: Any, values: torch.Tensor, start: torch.Tensor, end: torch.Tensor
    ) -> torch.Tensor:
        ctx.save_for_backward(start, end)
        ctx.n_words = values.shape[1]
        sums = values.new_zeros(values.shape[0], values.shape[1] + 1, values.shape[2])
        torch.cumsum(values, 1, out=sums[:, 1:])  # sums[:, i] is the sum before word i
        return (sums.index_select(1, end) - sums.index_select(1, start)) / _lengths(start, end)

    @staticmethod
    def backward(ctx: Any, gradient: torch.Tensor) -> tuple[torch.Tensor, None, None]:
        start, end = ctx.saved_tensors
        shared = gradient / _lengths(start, end)
        changes = shared.new_zeros(shared.shape[0], ctx.n_words + 1, shared.shape[2])
        changes.index_add_(1, start, shared).index_add_(1, end, shared, alpha=-1)
        return changes.cumsum(1)[:, :-1], None, None


def _lengths(start: torch.Tensor, end: torch.Tensor) -> torch.Tensor:
    return (end - start).float().unsqueeze(1)
