"""Signals: Ctrl-C (SIGINT), SIGTERM and a closed terminal (SIGHUP) end a command the same way."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from probekit.engine.interrupts import interrupt

NAMES = ("SIGINT", "SIGTERM", "SIGHUP")


class Stopped(BaseException):
    """The command must end. Not an Exception, so that no handler takes it for an error.

    Attributes:
        status: exit status, as in shells: 128 plus the signal's number.
    """

    def __init__(self, number: int) -> None:
        super().__init__(f"stopped by signal {number}")
        self.status = 128 + number


def _stop(number: int, frame: FrameType | None) -> None:
    interrupt(Stopped(number))


@contextmanager
def stopping() -> Iterator[None]:
    """Raise Stopped in the block when a signal of NAMES arrives; ignored ones (nohup) stay so."""
    before = {}
    for name in NAMES:
        number = getattr(signal, name, None)
        if number is not None and signal.getsignal(number) not in (signal.SIG_IGN, None):
            before[number] = signal.signal(number, _stop)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
