"""Captured: the outputs of a model's parts, recorded while it runs."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import Any

import torch


class Captured(threading.local):
    """What was recorded in the current run; each thread has its own.

    Attributes:
        embedded: output of the embeddings.
        top: output of the topmost block, `(texts, width, dim)`.
        added: what the site of each block adds to the residual stream, in order.
    """

    embedded: torch.Tensor
    top: torch.Tensor

    def __init__(self) -> None:
        self.added: list[torch.Tensor] = []

    def watch_embeddings(self, embeddings: torch.nn.Module) -> None:
        """Record `embedded` from now on."""

        def keep(module: Any, args: Any, output: torch.Tensor) -> None:
            self.embedded = output

        embeddings.register_forward_hook(keep)

    def watch_top(self, block: torch.nn.Module, time_first: bool) -> None:
        """Record `top` from now on; `time_first` where a block gives `(width, texts, dim)`."""

        def keep(module: Any, args: Any, output: Any) -> None:
            state = _first(output)
            self.top = state.transpose(0, 1) if time_first else state

        block.register_forward_hook(keep)

    def watch_site(self, modules: Sequence[torch.nn.Module]) -> None:
        """Append to `added` from now on."""

        def add(module: Any, args: Any, output: Any) -> None:
            self.added.append(_first(output))

        for module in modules:
            module.register_forward_hook(add)


def _first(output: Any) -> Any:
    """A module's output, or the first of several."""
    return output[0] if isinstance(output, tuple) else output
