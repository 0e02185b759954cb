"""Configuration: the numbers in a checkpoint's `config.json`, checked before they are used.

The file comes from outside, and its numbers decide what is built and allocated. Each has bounds,
far beyond any existing model.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from probekit.errors import ModelError
from probekit.models.weights import read_json

DEEPEST = 100  # brackets within brackets
MOST_LABELS = 1 << 20  # transformers creates a name for each
_WIDEST, _LARGEST = 1 << 16, 1 << 24
# Bounds of the whole numbers that are read from a configuration, by transformers' names.
REQUIRED: dict[str, tuple[int, int]] = {
    "num_hidden_layers": (1, 1_000),
    "hidden_size": (1, _WIDEST),
}
OPTIONAL: dict[str, tuple[int, int]] = {
    "num_decoder_layers": (1, 1_000),
    "decoder_layers": (1, 1_000),
    "word_embed_proj_dim": (1, _WIDEST),
    "intermediate_size": (1, 1 << 20),
    "vocab_size": (1, _LARGEST),
    "max_position_embeddings": (-1, _LARGEST),
    "pad_token_id": (-1, _LARGEST),
    "decoder_start_token_id": (-1, _LARGEST),
}


def check_numbers(config: Any, what: str) -> None:
    """Raise ModelError where a configuration lacks a number, or has one out of bounds.

    Args:
        config: transformers' configuration.
        what: the beginning of the message.
    """
    for name, bounds in (REQUIRED | OPTIONAL).items():
        _check_number(what, name, getattr(config, name, None), bounds)


def check_file(path: Path, what: str) -> None:
    """Raise ModelError where a `config.json` must not reach transformers: it holds no object, is
    nested too deeply, or has too many labels."""
    found = read_json(path)
    if not isinstance(found, dict):
        raise ModelError(
            f"{what}: {path.name} holds a {type(found).__name__}, not an object: {{…}}"
        )
    if _depth(found) > DEEPEST:
        raise ModelError(f"{what}: {path.name} has more than {DEEPEST} brackets within brackets")
    labels = found.get("num_labels")
    if labels is not None:
        _check_number(what, "num_labels", labels, (0, MOST_LABELS))


def _depth(found: Any) -> int:
    """The depth of nested brackets, counted up to DEEPEST + 1."""
    depth, level = 0, [found]
    while level and depth <= DEEPEST:
        inner: list[Any] = []
        for value in level:
            if isinstance(value, dict):
                inner += value.values()
            elif isinstance(value, list):
                inner += value
        depth, level = depth + 1, inner
    return depth


def _check_number(what: str, name: str, value: Any, bounds: tuple[int, int]) -> None:
    if value is None and name not in REQUIRED:
        return
    least, most = bounds
    if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
        given = "missing" if value is None else _short(value)
        raise ModelError(
            f"{what}: {name} is {given}, and must be a whole number from {least} to {most:,}"
        )


def _short(value: Any) -> str:
    """A value in at most 40 characters; an integer may have thousands of digits."""
    is_huge = isinstance(value, int) and abs(value) > 1e18
    text = f"a number of {value.bit_length()} bits" if is_huge else repr(value)
    return text if len(text) <= 40 else f"{text[:37]}…"
