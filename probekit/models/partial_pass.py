"""Partial pass: a model that runs some of its blocks, from the states that the first of them reads.

The model itself embeds a text and prepares masks and positions, in every pass anew. The blocks
below the first let pass what they are given, and the one above the last stops the model. So no
family's code is repeated here.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import torch

from probekit.models.stack import Stopped


class _Now(threading.local):
    """What is run in a thread.

    Attributes:
        first: number of the first block that runs; 0 where all do from the beginning.
        given: what it reads in place of what it is given; None for that itself.
        stop: number of the block that stops the model; None for no such block.
        found: what that block would read.
    """

    def __init__(self) -> None:
        self.first = 0
        self.given: torch.Tensor | None = None
        self.stop: int | None = None
        self.found: torch.Tensor | None = None


class PartialPass:
    """A loaded model of which some blocks can be left out. Several threads may run it at once.

    A block can be left out once it has run: what it returns beside states is then known.
    """

    def __init__(self, blocks: torch.nn.ModuleList) -> None:
        """`blocks` are those of the model, of a family that can be run block by block (see
        `block_by_block.why_not`). Until `part` says otherwise, all of them run."""
        self._now = _Now()
        self._n_outputs: dict[int, int] = {}
        for number, block in enumerate(blocks):
            block.register_forward_pre_hook(partial(self._before, number), with_kwargs=True)
            block.forward = self._watched(number, block.forward)

    @contextmanager
    def part(self, first: int, given: torch.Tensor | None) -> Iterator[None]:
        """Within the block, the model begins in this thread with one of its blocks.

        Args:
            first: number of the block.
            given: what it reads, `(texts, width, dim)` or as its family has it; None for what the
                model gives it.
        """
        now = self._now
        now.first, now.given = first, given
        try:
            yield
        finally:
            now.first, now.given = 0, None

    def read_by(self, stop: int, run: Callable[[], object]) -> torch.Tensor | None:
        """What a block reads when the model runs, which stops there.

        Args:
            stop: number of the block.
            run: runs the model; within `part` it begins there.

        Returns None where the model has no such block.
        """
        now = self._now
        now.stop = stop
        try:
            run()
        except Stopped:
            return now.found
        finally:
            now.stop = now.found = None
        return None

    def _before(
        self, number: int, block: Any, args: tuple[Any, ...], named: dict[str, Any]
    ) -> tuple[tuple[Any, ...], dict[str, Any]] | None:
        """Stop before a block, or give it what it reads."""
        now = self._now
        if number == now.stop:
            now.found = _read(args, named)
            raise Stopped
        if number != now.first or now.given is None:
            return None
        if args:
            return (now.given, *args[1:]), named
        return args, {**named, "hidden_states": now.given}

    def _watched(self, number: int, run: Callable[..., Any]) -> Callable[..., Any]:
        """The forward pass of a block, which is left out below the first."""

        def forward(*args: Any, **named: Any) -> Any:
            if number < self._now.first:
                return self._as_output(number, _read(args, named))
            output = run(*args, **named)
            self._n_outputs[number] = len(output) if isinstance(output, tuple) else 0
            return output

        return forward

    def _as_output(self, number: int, states: torch.Tensor) -> Any:
        """States in the form in which a block returned some before."""
        n = self._n_outputs[number]
        return (states, *[None] * (n - 1)) if n else states


def _read(args: tuple[Any, ...], named: dict[str, Any]) -> Any:
    """The states that a block is given."""
    return args[0] if args else named["hidden_states"]
