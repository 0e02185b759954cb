"""Margin: how much may be lost, with its unit."""

from __future__ import annotations

import re
from typing import Literal, NamedTuple

from probekit.errors import InputError, unknown
from probekit.foreign import shortened

Unit = Literal["points", "bits", "retention"]
_AMOUNT = re.compile(r"(\d{1,9}(?:\.\d{1,9})?)\s*([^\d\s].*)?")
_UNITS: dict[str, Unit] = {"point": "points", "points": "points", "bit": "bits", "bits": "bits"}
SAY_LOSS = "'1 point' (a hundredth of the score) or '0.1 bits'"
SAY_RETENTION = "'95%' (of what was known above the floor)"


class Margin(NamedTuple):
    """How much may be lost.

    Attributes:
        most: above 0: of `points` in scores (0.01 is a point), of `bits` in bits, of `retention` as
            a share of what was known above the floor.
        unit: the unit.
        said: what the policy says, in words.
    """

    most: float
    unit: Unit
    said: str


def loss(text: str) -> Margin:
    """The margin of `lose_at_most`. Raises InputError for a text without a clear unit, and for 0.

    >>> loss("0.5 points")
    Margin(most=0.005, unit='points', said='may lose at most 0.5 points')
    """
    number, unit = _amount(text, SAY_LOSS)
    if unit == "%":
        raise InputError(
            f"'{shortened(text)}' can mean points or a share of what was known: say "
            f"'{number:g} points', or retain_at_least = '{100 - number:g}%'"
        )
    if unit not in _UNITS:
        raise InputError(unknown("unit", unit, ("points", "bits")))
    kind = _UNITS[unit]
    if kind == "points" and number > 100:
        raise InputError(f"'{shortened(text)}': a score has 100 points; say {SAY_LOSS}")
    most = number / 100 if kind == "points" else number
    word = kind.removesuffix("s") if number == 1 else kind
    return Margin(most, kind, f"may lose at most {number:g} {word}")


def retention(text: str) -> Margin:
    """The margin of `retain_at_least`. Raises InputError for a text without a clear unit, and for
    100%, which leaves no margin.

    >>> retention("95%")
    Margin(most=0.05, unit='retention', said='must retain at least 95%')
    """
    number, unit = _amount(text, SAY_RETENTION)
    if unit != "%":
        raise InputError(f"'{shortened(text)}' is not a percentage: say {SAY_RETENTION}")
    if number < 1:
        raise InputError(
            f"'{shortened(text)}' is below 1%: was '{100 * number:g}%' meant? Say {SAY_RETENTION}"
        )
    if number >= 100:
        raise InputError(
            f"'{shortened(text)}' leaves no margin, which no data can show: say {SAY_RETENTION}"
        )
    return Margin(round(1 - number / 100, 12), "retention", f"must retain at least {number:g}%")


def _amount(text: str, say: str) -> tuple[float, str]:
    """A number above 0 and its unit."""
    found = _AMOUNT.fullmatch(text.strip())
    if found is None:
        raise InputError(f"'{shortened(text)}' is not a number with a unit: say {say}")
    number, unit = float(found[1]), (found[2] or "").strip()
    if not unit:
        raise InputError(f"'{shortened(text)}' has no unit: say {say}")
    if not number:
        raise InputError(
            f"'{shortened(text)}': a margin of 0 cannot be shown by any data: say {say}"
        )
    return number, unit
