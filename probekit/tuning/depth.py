"""Depth: in which layer of a model each of its parameters is."""

from __future__ import annotations

from typing import Any

from probekit.errors import InputError
from probekit.models.stack import lists_of_blocks


def depths(model: Any, recipe: str) -> dict[str, int]:
    """The layer of each parameter of a model with a head, by the parameter's name.

    0 is the embeddings, 1 to n the blocks, n + 1 the head; what precedes the blocks goes with the
    embeddings, and what follows them (a last norm, a pooler) with the last block.

    Args:
        model: a transformers model with a head.
        recipe: the name of the recipe that asks, for messages.

    Raises InputError for an encoder-decoder, and a model whose blocks share weights.
    """
    config = model.config.get_text_config()
    n_blocks = int(config.num_hidden_layers)
    blocks = next(lists_of_blocks(model.base_model, n_blocks), None)
    if blocks is None or model.config.is_encoder_decoder:
        raise InputError(
            f"recipe='{recipe}' tells layers apart, and a {model.config.model_type} does not have "
            "one list of blocks, each with weights of its own"
        )
    of_block: dict[int, int] = {}
    for number, block in enumerate(blocks, start=1):
        of_block |= {id(parameter): number for parameter in block.parameters()}
    of_base = {id(parameter) for parameter in model.base_model.parameters()}
    found: dict[str, int] = {}
    passed = 0
    for name, parameter in model.named_parameters():
        if id(parameter) not in of_base:
            found[name] = n_blocks + 1
        elif id(parameter) in of_block:
            found[name] = of_block[id(parameter)]
            passed = n_blocks
        else:
            found[name] = passed
    return found
