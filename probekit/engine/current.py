"""Current: the engine that work runs on now, the one place where it is chosen.

A public function chooses it at its door (`on_engine`), and whatever has jobs asks for it
(`current`), so that the functions between the two need not hand it on. Threads that a function
starts, and workers of a cluster, have the threads of their own process.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import wraps
from typing import Any, ParamSpec, TypeVar

from probekit.engine.engine import Engine, Threads
from probekit.engine.settings import settings_of

P = ParamSpec("P")
R = TypeVar("R")

_current: ContextVar[Engine | None] = ContextVar("engine", default=None)


def current() -> Engine:
    """The engine of the public function that runs now; threads outside of one."""
    return _current.get() or Threads()


@contextmanager
def running_on(given: Any) -> Iterator[None]:
    """Let jobs of the block run on the engine that a parameter `engine` names.

    `threads`, the default, leaves the engine as it is, so that several functions called in a block
    share its workers.

    Raises InputError where that cannot be used.
    """
    settings = settings_of(given)
    if settings.kind == "threads":
        yield
        return
    from probekit.engine.ray_engine import ray_engine

    with ray_engine(settings) as engine:
        token = _current.set(engine)
        try:
            yield
        finally:
            _current.reset(token)


def on_engine(verb: Callable[P, R]) -> Callable[P, R]:
    """Let the jobs of a public function run on the engine that its parameter `engine` names."""

    @wraps(verb)
    def with_engine(*args: P.args, **kwargs: P.kwargs) -> R:
        with running_on(kwargs.get("engine", "threads")):
            return verb(*args, **kwargs)

    return with_engine
