"""Progress of long work: bars on standard error, or a callback.

Public functions take `progress=True` (bars), `False` (silence), or a function. Work of less than
DELAY seconds shows nothing, and nothing is ever printed to standard output.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from typing import Any, ParamSpec, TypeVar

from probekit import doors
from probekit.errors import InputError
from probekit.harmless import harmless

Progress = Callable[[str, float, float], None]
"""Called with the stage's name, the units done and the total."""

P = ParamSpec("P")
R = TypeVar("R")

DELAY = 1.0  # seconds before anything is shown
LINE_EVERY = 10.0  # seconds between two lines in a log
REDRAW_EVERY = 0.2  # seconds between two updates of the line in a notebook
LONGEST = 24 * 3600.0  # seconds from one unit of work to the next, for the time left in a terminal
BAR = 24  # characters
TIMES = 26  # characters of a percentage, the time spent and that left
MOST_BARS = 6  # at once: what is below the edge of a terminal cannot be seen


def silent(stage: str, done: float, total: float) -> None:
    """Report nothing."""


def within(progress: Progress, part: str) -> Progress:
    """Progress of a part of longer work, whose stages are named for it: `2 of 15, fit`."""

    def report(stage: str, done: float, total: float) -> None:
        progress(f"{part}, {stage}", done, total)

    return report


def as_part(
    progress: Progress, name: str, before: float = 0, own: float = 1, whole: float = 1
) -> Progress:
    """Progress of a part of a stage called `name`.

    The part takes `own` of the `whole` stage, and begins where `before` of it is done.
    """

    def report(stage: str, done: float, total: float) -> None:
        progress(name, before + own * done / max(total, 1e-9), whole)

    return report


def reporting(verb: Callable[P, R]) -> Callable[P, R]:
    """Let `progress` of a public function be True (the default), False or a function.

    The function itself always gets a function.
    """

    @wraps(verb)
    def with_progress(*args: P.args, **kwargs: P.kwargs) -> R:
        progress: Any = kwargs.get("progress", True)
        with shown(progress) as report:
            kwargs["progress"] = report
            return verb(*args, **kwargs)

    return with_progress


@contextmanager
def shown(progress: Progress | bool) -> Iterator[Progress]:
    """The function to call in the block to report progress.

    Raises:
        InputError: for anything but True, False or a function.
    """
    if progress is False or (progress is True and sys.stderr is None):
        yield silent
    elif callable(progress):
        yield progress
    elif progress is not True:
        raise InputError(doors.refusal("progress", progress, "True, False or a function"))
    else:
        from rich.console import Console

        console = Console(stderr=True)
        if console.is_jupyter:
            lines: Any = _notebook_line()
        elif console.is_terminal:
            lines = _bars(console)
        else:
            lines = _log_lines()
        with lines as report:
            yield report


@contextmanager
def _bars(console: Any) -> Iterator[Progress]:
    """A bar per stage, in a terminal: of those that are over, the last ones."""
    from rich.progress import (
        BarColumn,
        Progress,
        TaskProgressColumn,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )
    from rich.table import Column

    # A long name takes several lines, so that the share and the time left stay in sight.
    room = Column(max_width=max(console.width - BAR - TIMES, 12), justify="right")
    description = TextColumn("{task.description}", markup=False, table_column=room)
    times = (TimeElapsedColumn(), TimeRemainingColumn())
    bars = Progress(
        *(description, BarColumn(BAR), TaskProgressColumn(), *times),
        console=console,
        speed_estimate_period=LONGEST,
    )
    stages: dict[str, Any] = {}  # the bar of each, the last one to begin last
    over: set[str] = set()
    began = time.monotonic()

    def remove(stage: str) -> None:
        bars.remove_task(stages.pop(stage))
        over.remove(stage)

    def report(stage: str, done: float, total: float) -> None:
        if stage in over and done < total:  # it begins again
            remove(stage)
        if stage not in stages:
            before = [one for one in stages if one in over]
            if before and len(stages) >= MOST_BARS:
                remove(before[0])
            stages[stage] = bars.add_task(harmless(stage), total=total)
        bars.update(stages[stage], completed=done, total=total)
        if done >= total:
            over.add(stage)
        if time.monotonic() - began > DELAY and not bars.finished:
            bars.start()  # no effect after the first time

    try:
        yield report
    finally:
        if bars.live.is_started:
            bars.stop()


@contextmanager
def _notebook_line() -> Iterator[Progress]:
    """One line in a notebook that is updated, and removed at the end."""
    clock = _Clock(REDRAW_EVERY)
    longest = 0

    def report(stage: str, done: float, total: float) -> None:
        nonlocal longest
        left = clock.due(stage, done, total)
        if left is not None:
            full = round(BAR * done / max(total, 1e-9))
            bar = "█" * full + "░" * (BAR - full)
            text = f"{harmless(stage)} {bar} {_percent_and_time(done, total, left)}"
            sys.stderr.write(f"\r{text:<{longest}}")
            sys.stderr.flush()
            longest = max(longest, len(text))

    try:
        yield report
    finally:
        if longest:
            sys.stderr.write(f"\r{'':<{longest}}\r")
            sys.stderr.flush()


@contextmanager
def _log_lines() -> Iterator[Progress]:
    """A line every LINE_EVERY seconds, for a log."""
    clock = _Clock(LINE_EVERY)

    def report(stage: str, done: float, total: float) -> None:
        left = clock.due(stage, done, total)
        if left is not None:
            sys.stderr.write(f"{harmless(stage)}: {_percent_and_time(done, total, left)}\n")
            sys.stderr.flush()

    yield report


class _Clock:
    """When the next line is due, and how long a stage will still take."""

    def __init__(self, every: float) -> None:
        """`every`: seconds from one line to the next; the first comes after at least DELAY."""
        self.every = every
        self.next = time.monotonic() + max(every, DELAY)
        self.began: dict[str, tuple[float, float]] = {}
        self.over: set[str] = set()

    def due(self, stage: str, done: float, total: float) -> float | None:
        """Seconds left in the stage (infinite if unknown), or None if no line is due yet."""
        now = time.monotonic()
        if done >= total:
            self.over.add(stage)
            return None
        began, at_start = self.began.setdefault(stage, (now, done))
        if stage in self.over or done < at_start:  # the stage begins again
            self.over.discard(stage)
            began, at_start = self.began[stage] = now, done
        if now < self.next:
            return None
        self.next = now + self.every
        if done == at_start:
            return float("inf")
        return (now - began) * (total - done) / (done - at_start)


def _percent_and_time(done: float, total: float, left: float) -> str:
    """`45%, 1:05 left`, or with hours `45%, 20:01:05 left`."""
    share = f"{done / max(total, 1e-9):.0%}"
    if left == float("inf"):
        return share
    minutes, seconds = divmod(round(left), 60)
    hours, minutes = divmod(minutes, 60)
    time_left = f"{hours}:{minutes:02d}:{seconds:02d}" if hours else f"{minutes}:{seconds:02d}"
    return f"{share}, {time_left} left"
