"""Timing in turns, and a line for each figure."""

from __future__ import annotations

import time
from collections.abc import Callable
from statistics import median


def in_turns(rounds: int, *actions: Callable[[], object]) -> list[float]:
    """Median seconds of each action, taken in turns so that a slow minute hits them all."""
    seconds: list[list[float]] = [[] for _ in actions]
    for _ in range(rounds):
        for times, action in zip(seconds, actions, strict=True):
            started = time.perf_counter()
            action()
            times.append(time.perf_counter() - started)
    return [median(times) for times in seconds]


def figure(what: str, value: float, target: str, unit: str = "x") -> None:
    """Print one figure beside its target."""
    print(f"  {what}: {value:.3g} {unit}  (target {target})", flush=True)
