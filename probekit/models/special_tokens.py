"""Special tokens: what a tokenizer and a decoder put around a text."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from probekit.errors import ModelError


def special_tokens(tokenizer: Any) -> tuple[np.ndarray, np.ndarray]:
    """Ids of the special tokens before and after a text, such as `[CLS]` and `[SEP]`.

    Raises ModelError where the tokenizer does not have them, or changes a text with them.
    """
    bare = tokenizer("a", add_special_tokens=False)["input_ids"]
    full = tokenizer("a", add_special_tokens=True)["input_ids"]
    if None in full:
        raise ModelError(
            "the tokenizer adds a special token to texts that it does not have: name it in its "
            "tokenizer_config.json (bos_token, eos_token …)"
        )
    for start in range(len(full) - len(bare) + 1):
        stop = start + len(bare)
        if full[start:stop] == bare:
            prefix, suffix = full[:start], full[stop:]
            return np.array(prefix, dtype=np.int64), np.array(suffix, dtype=np.int64)
    raise ModelError("the tokenizer changes a text's subwords when it adds its special tokens")


def start_token(name: str, config: Any) -> int:
    """Id of the token with which a decoder begins.

    Raises ModelError where the configuration has none.
    """
    for key in ("decoder_start_token_id", "bos_token_id", "pad_token_id"):
        found = getattr(config, key, None)
        if found is not None:
            return int(found)
    raise ModelError(
        f"the configuration of '{name}' has no decoder_start_token_id: its decoder cannot begin"
    )


def plain_subwords(tokenizer: Any, rows: int | None) -> np.ndarray:
    """Ids of some subwords that are not special tokens: `(n,)`.

    Args:
        tokenizer: Hugging Face's tokenizer.
        rows: of the model's table of embeddings; None for a model that has no such table.
    """
    known = int(min(rows or math.inf, len(tokenizer), 1000))
    special = set(tokenizer.all_special_ids)
    return np.array([i for i in range(known) if i not in special])
