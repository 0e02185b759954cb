"""Numbers: values as a page shows them, and in full."""

from __future__ import annotations

from math import isnan
from typing import Any

from probekit.forgetting.monitors.outcome import LOST, NOT_SETTLED, REPAIRED, RETRAIN, VALID
from probekit.reports.number_text import UNKNOWN
from probekit.reports.page.parts import Cell

TONES = {
    "PASS": "good",
    "FAIL": "bad",
    "CANNOT TELL": "unsure",
    "loss": "bad",
    "rotation": "unsure",
    "re_encoding": "unsure",
    "relocation": "unsure",
    "unattributed": "unsure",
    "diverged": "bad",
    VALID: "good",
    REPAIRED: "unsure",
    RETRAIN: "unsure",
    NOT_SETTLED: "unsure",
    LOST: "bad",
}
"""How a verdict is coloured. Its word is always there too."""


def cell_of(value: Any, signed: bool = False) -> Cell:
    """A value as a cell: a number, a text, or a dash where it is missing.

    Args:
        value: what a table has there.
        signed: whether a number above 0 has a plus sign, since it is a change.
    """
    import pandas as pd

    if isinstance(value, str):
        return Cell(value, tone=TONES.get(value, ""))
    if isinstance(value, list):
        return Cell(", ".join(map(str, value)))
    if pd.isna(value):
        return Cell(UNKNOWN)
    if float(value).is_integer() and not isinstance(value, float):
        return Cell(f"{int(value):,}", str(int(value)))
    return Cell(number_text(float(value), signed), repr(float(value)))


def number_text(value: float, signed: bool = False) -> str:
    """A number with three decimals, fewer where it is large, and one digit where it is tiny.

    >>> number_text(0.98765), number_text(-0.5, True), number_text(1234.5), number_text(0.00012)
    ('0.988', '−0.500', '1,234', '0.0001')
    """
    if isnan(value):
        return UNKNOWN
    size = abs(value)
    if 0 < size < 0.0005:
        text = f"{value:.1g}"
    else:
        decimals = 3 if size < 10 else 1 if size < 1_000 else 0
        text = f"{value:,.{decimals}f}"
    if signed and value > 0:
        text = f"+{text}"
    return text.replace("-", "−")
