"""Window: how many subwords a model reads at once."""

from __future__ import annotations

import math
from typing import Any

from probekit.errors import ModelError
from probekit.models.families import Family

MAX_WINDOW = 2048  # subwords, also where a model could read more: attention is quadratic
MIN_WINDOW = 4  # subwords; with fewer, words would have no context, or no subword at all


def tokenizer_limit(name: str, tokenizer: Any) -> float:
    """The `model_max_length` of a tokenizer, in subwords, special tokens included.

    Raises ModelError where that is not a positive number.
    """
    found = tokenizer.model_max_length
    if found is None:
        return math.inf
    if isinstance(found, bool) or not isinstance(found, int | float) or not found > 0:
        raise ModelError(
            f"the tokenizer of '{name}' has the model_max_length {str(found)[:40]!r}: it must be a "
            "positive number, or be left out"
        )
    return found


def positions_of(config: Any, family: Family) -> int:
    """The number of positions in a configuration; MAX_WINDOW where it gives none."""
    found = getattr(config.get_text_config(), "max_position_embeddings", None)
    positions = int(found or 0)
    if positions <= 0:  # positions are relative, or there are none
        positions = MAX_WINDOW
    if family.offset:
        positions -= int(config.pad_token_id or 0) + 1
    return positions


def declared_limit(name: str, positions: int, of_tokenizer: float, added: int) -> int:
    """Number of subwords of text in one pass, according to the configuration and the tokenizer.

    Args:
        name: the model's name.
        positions: that are free for a text and its special tokens.
        of_tokenizer: `tokenizer_limit`.
        added: number of special tokens.

    Raises ModelError where there is no room for a text.
    """
    positions = min(positions, MAX_WINDOW)
    require_room(name, positions - added, "max_position_embeddings in its configuration")
    reach = int(min(positions, of_tokenizer))
    require_room(name, reach - added, f"model_max_length {reach} of its tokenizer")
    return reach - added


def require_room(name: str, limit: int, source: str) -> None:
    """Raise ModelError where fewer than MIN_WINDOW subwords can be read, according to `source`."""
    if limit < MIN_WINDOW:
        raise ModelError(
            f"'{name}' could read {max(limit, 0)} subwords of text at once, according to "
            f"{source}: at least {MIN_WINDOW} are needed, so correct it"
        )
