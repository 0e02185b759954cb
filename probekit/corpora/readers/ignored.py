"""Missing values, and labels that mark words to be ignored: one rule for every reader.

None, the empty text and `_` are missing values. So are the numbers -100 (PyTorch's `ignore_index`,
which fine-tuning scripts write) and -1 (class numbers of `datasets`), and the text `-100`. The text
`-1` is a label, unless the labels of a row are written as one text and all labels of the column are
whole numbers.
"""

from __future__ import annotations

from typing import Any

NO_VALUE = frozenset({None, "", "_"})
IGNORED = frozenset({-100, -1, "-100"})
IGNORED_TEXT = "-100"
MISSING = frozenset({*NO_VALUE, IGNORED_TEXT})
IGNORED_LABELS = "labels of '{column}' are missing values: -100 and -1 mark words to be ignored"


def is_ignored(value: Any) -> bool:
    """Whether a value marks a word or a span without label."""
    return isinstance(value, int | str) and value in IGNORED
