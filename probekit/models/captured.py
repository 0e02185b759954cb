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
        added: what the site of each block adds to the residual stream, in order; None for a layer
            that is not wanted.
    """

    embedded: torch.Tensor
    top: torch.Tensor

    def __init__(self) -> None:
        self.added: list[torch.Tensor | None] = []
        self._wanted: Sequence[int] | None = None

    def begin(self, layers: Sequence[int] | None) -> None:
        """Begin a run in which these layers are wanted; None for all."""
        self.added, self._wanted = [], layers

    def added_in(self, texts: int, width: int) -> list[Any]:
        """`added`, each `(texts, width, dim)`."""
        return [None if each is None else each.reshape(texts, width, -1) for each in self.added]

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
            layer = len(self.added) + 1
            is_wanted = self._wanted is None or layer in self._wanted
            self.added.append(_first(output) if is_wanted else None)

        for module in modules:
            module.register_forward_hook(add)


def _first(output: Any) -> Any:
    """A module's output, or the first of several."""
    return output[0] if isinstance(output, tuple) else output
