"""Pooling: from words to spans, after the projection.

A linear map commutes with the mean of a span and with concatenation. So words are projected first, once each,
and the few projected numbers are pooled and added up: span and pair vectors are never built.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch

from probekit.tasks.task import Task


@dataclass(frozen=True)
class Slot:
    """One part of an instance's vector: the first or last word of a span, or the mean of its words.

    Attributes:
        span: which of the instance's spans.
        take: what of it.
    """

    span: int
    take: Literal["first", "last", "mean"]


def slots(task: Task) -> tuple[Slot, ...]:
    """The parts that are concatenated into an instance's vector."""
    if task.shape == "word":
        return (Slot(0, "first"),)
    if task.span == "ends":
        return tuple(Slot(span, take) for span in range(task.arity) for take in ("first", "last"))
    return tuple(Slot(span, "mean") for span in range(task.arity))


def take(values: torch.Tensor, spans: torch.Tensor, slot: Slot) -> torch.Tensor:
    """One slot of every instance.

    Args:
        values: `(layers, words, k)`.
        spans: `(n, arity, 2)` positions among the words.
        slot: what is taken.

    Returns `(layers, n, k)`.
    """
    start, end = spans[:, slot.span, 0], spans[:, slot.span, 1]
    if slot.take == "first" or bool((end - start == 1).all()):
        return values.index_select(1, start)
    if slot.take == "last":
        return values.index_select(1, end - 1)
    sums = torch.nn.functional.pad(values.cumsum(1), (0, 0, 1, 0))  # sums[:, i] is the sum before word i
    total = sums.index_select(1, end) - sums.index_select(1, start)
    return total / (end - start).to(values.dtype).unsqueeze(1)
