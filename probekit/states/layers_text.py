"""Layers as a text names them."""

from __future__ import annotations

from collections.abc import Sequence


def layers_text(layers: Sequence[object]) -> str:
    """Some layers, by number.

    >>> layers_text([3]), layers_text([1, 2, 5])
    ('layer 3', 'layers 1, 2, 5')
    """
    word = "layer" if len(layers) == 1 else "layers"
    return f"{word} {', '.join(map(str, layers))}"
