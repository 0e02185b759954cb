"""Intervene: change the states of a layer while the model runs.

The state of layer k is what block k + 1 reads, so it is changed there; that of the last layer is
changed where it leaves the last block, or the final norm after it. All that is above the layer is
computed from the changed states.

Only some positions of a text are changed, such as those of its words: special tokens have states
unlike any word's, which a map that was fitted on words would throw far off.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch

from probekit.errors import InputError, ModelError
from probekit.models.encoder import Encoder
from probekit.models.families import family_of, has_final_norm
from probekit.models.stack import lists_of_blocks

Change = Callable[[torch.Tensor], torch.Tensor]
"""From states `(…, dim)` to states of the same shape and type."""

Where = Callable[[torch.Tensor], torch.Tensor]
"""From ids of subwords `(texts, width)` to the positions that are changed, `(texts, width)`."""


def at_words(special: Sequence[int]) -> Where:
    """The positions of all subwords but special tokens, which have these ids."""

    def where(ids: torch.Tensor) -> torch.Tensor:
        return ~torch.isin(ids, torch.tensor(special, dtype=ids.dtype, device=ids.device))

    return where


def at_position(position: int) -> Where:
    """One position of every text, such as that of `[CLS]`."""

    def where(ids: torch.Tensor) -> torch.Tensor:
        found = torch.zeros_like(ids, dtype=torch.bool)
        found[:, position] = True
        return found

    return where


class _Read(threading.local):
    """What the model reads in the current run; each thread has its own.

    Attributes:
        chosen: the positions that are changed, `(texts, width)`.
    """

    chosen: torch.Tensor


class Blocks:
    """The blocks of a loaded model, whose states can be changed.

    Attributes:
        every: the blocks, in their order.
        last_layer: number of the last layer.
    """

    def __init__(
        self, name: str, body: torch.nn.Module, config: Any, n_blocks: int, where: Where
    ) -> None:
        """The blocks of `body`, the model without its head; `where` chooses positions.

        Raises ModelError for a family whose layers are not the states between its blocks.
        """
        family = family_of(config)
        blocks = next(lists_of_blocks(body, n_blocks), None)
        if blocks is None or family.late or family.extra_layers:
            raise ModelError(
                f"the states of '{name}' cannot be changed while it runs: its family "
                f"({config.model_type}) shares its blocks, or has layers that are not between them"
            )
        self._body, self.every = body, blocks
        self._where, self._time_first, self._read = where, family.time_first, _Read()
        self._has_final_norm = has_final_norm(config)
        self.last_layer = n_blocks

    @contextmanager
    def changed(self, layer: int, change: Change) -> Iterator[None]:
        """Within the block, the states of a layer are changed at the positions chosen.

        Args:
            layer: number of the layer, from 0, the embeddings.
            change: from the states to what the model reads in their place. Several threads may
                call it at once.
        """

        def at_chosen(states: torch.Tensor) -> torch.Tensor:
            chosen = self._read.chosen
            width = states.shape[0 if self._time_first else 1]
            # What a model itself puts before a text is not chosen.
            chosen = torch.nn.functional.pad(chosen, (width - chosen.shape[1], 0))
            if self._time_first:
                chosen = chosen.T
            return torch.where(chosen[..., None], change(states), states)

        hooks = [self._body.register_forward_pre_hook(self._look, with_kwargs=True)]
        if layer < self.last_layer:
            before = _before(at_chosen)
            block = self.every[layer]
            hooks.append(block.register_forward_pre_hook(before, with_kwargs=True))
        elif self._has_final_norm:
            hooks.append(self._body.register_forward_hook(_after_model(at_chosen)))
        else:
            hooks.append(self.every[-1].register_forward_hook(_after_block(at_chosen)))
        try:
            yield
        finally:
            for hook in hooks:
                hook.remove()

    def _look(self, body: Any, args: tuple[Any, ...], named: dict[str, Any]) -> None:
        ids = args[0] if args else named["input_ids"]
        self._read.chosen = self._where(ids)


def blocks_of(encoder: Encoder, at_cls: bool = False) -> Blocks:
    """The blocks of an encoder, with its weights loaded up to the last layer.

    Args:
        encoder: the encoder.
        at_cls: change the states of `[CLS]` alone, not those of words.

    Raises InputError for an encoder whose residual stream is not what is read, ModelError as
    `Blocks`.
    """
    if encoder.site != "residual":
        raise InputError(
            f"site='{encoder.site}': states are changed in the residual stream, site='residual'"
        )
    encoder.load(encoder.n_layers - 1)
    where = at_position(encoder.inputs.start) if at_cls else at_words(encoder.inputs.special)
    return Blocks(encoder.name, encoder.held.body, encoder.config, encoder.n_blocks, where)


def _before(change: Change) -> Callable[..., Any]:
    """A hook that changes what a block reads."""

    def hook(block: Any, args: tuple[Any, ...], named: dict[str, Any]) -> Any:
        if args:
            return (change(args[0]), *args[1:]), named
        return args, {**named, "hidden_states": change(named["hidden_states"])}

    return hook


def _after_block(change: Change) -> Callable[..., Any]:
    """A hook that changes what a block returns."""

    def hook(block: Any, args: Any, output: Any) -> Any:
        if isinstance(output, tuple):
            return (change(output[0]), *output[1:])
        return change(output)

    return hook


def _after_model(change: Change) -> Callable[..., Any]:
    """A hook that changes the last state that a model returns."""

    def hook(body: Any, args: Any, output: Any) -> Any:
        if isinstance(output, tuple):
            return (change(output[0]), *output[1:])
        output.last_hidden_state = change(output.last_hidden_state)
        return output

    return hook
