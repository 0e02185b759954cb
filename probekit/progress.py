"""How long work tells how far it is: a callback, so that the library itself never prints."""

from __future__ import annotations

from collections.abc import Callable

Progress = Callable[[str, float, float], None]
"""Called with the stage's name, the units done and the units there are."""


def silent(stage: str, done: float, total: float) -> None:
    """Report to nobody."""
