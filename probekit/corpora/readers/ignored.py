"""Values that say that there is none, and labels that mark what is to be ignored. One rule for
every reader.

Nothing, the empty text and `_` are no value. The numbers -100 (PyTorch's `ignore_index`, which
fine-tuning scripts write) and -1 (class numbers of `datasets`) are missing values, and so is the
text `-100`. The text `-1` is a label as it stands, unless a row of labels is written as one text
and all of them are whole numbers.
"""

from __future__ import annotations

from typing import Any

NO_VALUE = frozenset({None, "", "_"})
IGNORED = frozenset({-100, -1, "-100"})
IGNORED_TEXT = "-100"
MISSING = frozenset({*NO_VALUE, IGNORED_TEXT})
IGNORED_LABELS = "labels of '{column}' are missing values: -100 and -1 mark words to be ignored"


def is_ignored(value: Any) -> bool:
    """Whether a value marks a word, or a span, that has no label."""
    return isinstance(value, int | str) and value in IGNORED
