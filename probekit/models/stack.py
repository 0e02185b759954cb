"""Stack: which half of a model is read, and its blocks."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch

from probekit.errors import InputError
from probekit.models.families import Stack, family_of


class Stopped(Exception):
    """The model has reached the block that it stops at."""


def stack_of(name: str, config: Any, wanted: Stack) -> Stack:
    """The stack that is read: `auto` for a model that has only one.

    Raises InputError for a stack that the model does not have.
    """
    if getattr(config, "is_encoder_decoder", False):
        return "encoder" if wanted == "auto" else wanted
    if wanted != "auto" and wanted not in family_of(config).stacks:
        raise InputError(
            f"'{name}' has one stack: stack='{wanted}' is for encoder-decoders such as T5 and BART"
        )
    return "auto"


def count_blocks(config: Any, stack: Stack) -> int:
    """The number of blocks of a stack."""
    keys = ("num_decoder_layers", "decoder_layers") if stack == "decoder" else ()
    for key in keys:
        found = getattr(config, key, None)
        if found:
            return int(found)
    return int(config.get_text_config().num_hidden_layers)


def lists_of_blocks(body: torch.nn.Module, n_blocks: int) -> Iterator[torch.nn.ModuleList]:
    """The lists of modules that may be a model's blocks, the outermost first."""
    for module in body.modules():
        if isinstance(module, torch.nn.ModuleList) and len(module) == n_blocks:
            yield module


@contextmanager
def stopped_at_second_block(body: torch.nn.Module, n_blocks: int) -> Iterator[None]:
    """In the block, a model stops at its second block, where its blocks are found."""
    hooks = []
    for blocks in lists_of_blocks(body, n_blocks):
        if len(blocks) > 1:
            hooks.append(blocks[1].register_forward_pre_hook(_stop))
            break
    try:
        yield
    except Stopped:
        pass
    finally:
        for hook in hooks:
            hook.remove()


def _stop(module: Any, args: Any) -> None:
    raise Stopped
