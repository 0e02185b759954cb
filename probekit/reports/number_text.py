"""Numbers and intervals as tables write them; a dash where a number is not known."""

from __future__ import annotations

from math import isnan

UNKNOWN = "–"


def score_text(value: float) -> str:
    """A score with three decimals.

    >>> score_text(0.5), score_text(float("nan"))
    ('0.500', '–')
    """
    return UNKNOWN if isnan(value) else f"{value:.3f}"


def score_interval(low: float, high: float, digits: int = 3) -> str:
    """The interval of a score.

    >>> score_interval(0.25, 0.5), score_interval(0.25, float("nan"))
    ('0.250–0.500', '–')
    """
    if isnan(low) or isnan(high):
        return UNKNOWN
    return f"{low:.{digits}f}–{high:.{digits}f}"


def score_with_interval(score: float, low: float, high: float, digits: int = 3) -> str:
    """A score, and its interval in brackets where it has one.

    >>> score_with_interval(0.4, 0.25, 0.5), score_with_interval(0.4, float("nan"), 0.5)
    ('0.400 (0.250–0.500)', '0.400')
    """
    ends = score_interval(low, high, digits)
    text = f"{score:.{digits}f}"
    return text if ends == UNKNOWN else f"{text} ({ends})"


def detectable_text(value: float) -> str:
    """A minimum detectable effect in points (hundredths).

    It is 0 where every prediction is the same: then nothing shows how large a change would be
    found.

    >>> detectable_text(0.0123), detectable_text(0.0), detectable_text(float("nan"))
    ('1.2', '–', '–')
    """
    return f"{100 * value:.1f}" if value > 0 else UNKNOWN


def change_interval(low: float, high: float, digits: int = 3) -> str:
    """The interval of a change, with signs.

    >>> change_interval(-0.25, 0.5), change_interval(-0.25, float("nan"))
    ('-0.250 to +0.500', '–')
    """
    if isnan(low) or isnan(high):
        return UNKNOWN
    return f"{low:+.{digits}f} to {high:+.{digits}f}"


def points_interval(low: float, high: float) -> str:
    """The interval of a change given as shares, in points.

    >>> points_interval(-0.0123, 0.5)
    '-1.2 to +50.0'
    """
    return change_interval(100 * low, 100 * high, digits=1)
