"""Missing values, and labels that mark words to be ignored: one rule for every reader.

None, the empty text and `_` are missing values. So are the numbers -100 (PyTorch's `ignore_index`,
which fine-tuning scripts write) and -1 (class numbers of `datasets`), and the text `-100`. The text
`-1` is a label, unless the file is a delimited table, which can hold texts only, and all labels of
the column are whole numbers.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

NO_VALUE = frozenset({None, "", "_"})
IGNORED = frozenset({-100, -1, "-100"})
IGNORED_TEXT = "-100"
MISSING = frozenset({*NO_VALUE, IGNORED_TEXT})
IGNORED_LABELS = (
    "labels of '{column}' are missing values: -100 and the number -1 mark words to be ignored"
)
IGNORED_TEXTS = "labels of '{column}' are missing values: -100 marks words to be ignored"
_WHOLE = re.compile(r"(-?[0-9]{1,9})(\.0+)?")


def from_texts(labels: Iterable[str]) -> dict[str, str | int]:
    """The labels that the distinct texts of a column stand for: if all of them are whole numbers,
    `-100` and `-1` become numbers, which are ignored.

    Tables of numbers with gaps are often written with decimal points.

    >>> from_texts(["0", "1.0", "-1.0"]), from_texts(["0", "no", "-1"])
    ({'0': '0', '1.0': '1.0', '-1.0': -1}, {'0': '0', 'no': 'no', '-1': '-1'})
    """
    found: dict[str, str | int] = {label: label for label in labels}
    matches = {label: _WHOLE.fullmatch(label) for label in found if label}
    if all(matches.values()):
        for label, match in matches.items():
            assert match is not None
            if is_ignored(int(match[1])):
                found[label] = int(match[1])
    return found


def is_ignored(value: Any) -> bool:
    """Whether a value marks a word or a span without label."""
    return isinstance(value, int | str) and value in IGNORED
