"""Reference: what transformers computes for one text, to compare recorded states with."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from probekit.models.encoder import Encoder
from probekit.models.stack import lists_of_blocks


@dataclass(frozen=True)
class Reference:
    """The states of one text, in float32 on the CPU.

    Attributes:
        states: `(n, dim)` per layer, of the subwords and the special tokens around them.
        norm: the final norm of the model; None for one without.
        before_norm: what the last layer is before that norm, `(n, dim)`.
    """

    states: list[torch.Tensor]
    norm: torch.nn.Module | None
    before_norm: torch.Tensor | None


@torch.inference_mode()
def reference_of(encoder: Encoder, subwords: np.ndarray) -> Reference:
    """What a loaded encoder computes for a text, whose ids `(n,)` are given without special
    tokens."""
    with _watched(encoder) as passed:
        states = encoder.hidden_states([subwords])
    last = states[-1]
    # What the model itself puts before a text is left out.
    start = encoder.first - encoder.inputs.before
    norm = before = None
    for module, read, returned in passed:
        is_last = returned.numel() == last.numel() and torch.equal(returned.reshape_as(last), last)
        if is_last and read.numel() == last.numel() and not torch.equal(read, returned):
            norm, before = module, read.reshape_as(last)[0, start:].float().cpu()
            break
    if norm is not None:
        norm = copy.deepcopy(norm).float().cpu()
    return Reference([state[0, start:].float().cpu() for state in states], norm, before)


@contextmanager
def _watched(
    encoder: Encoder,
) -> Iterator[list[tuple[torch.nn.Module, torch.Tensor, torch.Tensor]]]:
    """In the block, the modules above the blocks are recorded with what they read and return."""
    passed: list[tuple[torch.nn.Module, torch.Tensor, torch.Tensor]] = []

    def record(module: torch.nn.Module, args: Any, output: Any) -> None:
        if args and isinstance(args[0], torch.Tensor) and isinstance(output, torch.Tensor):
            passed.append((module, args[0], output))

    blocks = next(lists_of_blocks(encoder.held.body, encoder.n_blocks), None)
    inside = set() if blocks is None else set(blocks.modules())
    hooks = []
    for module in encoder.held.body.modules():
        if module not in inside and not inside & set(module.modules()):
            hooks.append(module.register_forward_hook(record))
    try:
        yield passed
    finally:
        for hook in hooks:
            hook.remove()
