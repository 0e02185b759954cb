"""Ignored labels: numbers that mark words without a label. One rule for every reader.

The integers -100 (PyTorch's `ignore_index`, which fine-tuning scripts write) and -1 (class numbers of `datasets`) are
missing values. A text is a label as it stands, `"-1"` too: whoever writes text names a class.
"""

from __future__ import annotations

from typing import Any

IGNORED = (-100, -1)


def is_ignored(value: Any) -> bool:
    """Whether a value marks a word, or a span, that has no label."""
    return isinstance(value, int) and not isinstance(value, bool) and value in IGNORED
