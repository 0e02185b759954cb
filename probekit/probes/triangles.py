"""Triangles: matrix products of which one triangle tells all, at little more than half the cost.

A symmetric matrix is its upper triangle, and a triangular one is half zeros. Columns are worked off
in blocks, each with the rows down to its end.
"""

from __future__ import annotations

from collections.abc import Iterator

import torch

COLUMNS = 256  # of a block: with fewer, matrix products are slow


def add_squares(upper: torch.Tensor, values: torch.Tensor) -> None:
    """Add V' V to the upper triangles of `upper`, `(views, dim, dim)`, for the values V of each
    view, `(views, words, dim)`. What is below the diagonal is undefined until it is `mirrored`."""
    for block in _blocks(values.shape[2]):
        rows = values[:, :, : block.stop].transpose(1, 2)
        # Not into the block itself: on GPUs of Apple such products may be lost (PyTorch #193385).
        upper[:, : block.stop, block] += torch.bmm(rows, values[:, :, block])


def mirrored(upper: torch.Tensor) -> torch.Tensor:
    """The symmetric matrices with these upper triangles, `(views, dim, dim)`, in place."""
    for block in _blocks(upper.shape[2]):
        upper[:, block, : block.start] = upper[:, : block.start, block].transpose(1, 2)
    return upper


def times_upper(words: torch.Tensor, upper: torch.Tensor) -> torch.Tensor:
    """Words `(views, words, dim)` times upper triangular matrices `(views, dim, dim)`."""
    found = torch.empty_like(words)
    for block in _blocks(upper.shape[2]):
        rows = upper[:, : block.stop, block]
        found[:, :, block] = torch.bmm(words[:, :, : block.stop], rows)
    return found


def _blocks(dim: int) -> Iterator[slice]:
    for start in range(0, dim, COLUMNS):
        yield slice(start, min(dim, start + COLUMNS))
