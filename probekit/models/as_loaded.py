"""As loaded: a model that changes itself while it runs is put back as it was.

BigBird, for one, replaces its sparse attention by full attention at the first short text, and keeps
it for all texts that follow.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock
from typing import Any, NamedTuple

import torch

_MISSING = object()


class _Part(NamedTuple):
    """A module, and what it had when the model was loaded: numbers, texts and tensors by name; and
    its buffers and its own parts."""

    module: torch.nn.Module
    values: dict[str, Any]
    buffers: dict[str, Any]
    modules: dict[str, Any]


class AsLoaded:
    """What a model is like before it is run for the first time.

    Attributes:
        has_changed: whether running it was ever found to have changed it.
    """

    def __init__(self, model: torch.nn.Module) -> None:
        self.has_changed = False
        self._lock = Lock()
        self._parts: list[_Part] = []
        for module in model.modules():
            values = {name: value for name, value in vars(module).items() if _is_plain(value)}
            part = _Part(module, values, dict(module._buffers), dict(module._modules))
            self._parts.append(part)

    def restore(self) -> None:
        """Put everything back; a tensor is put back in its place, not what it held."""
        for part in self._parts:
            places = (
                (vars(part.module), part.values),
                (part.module._buffers, part.buffers),
                (part.module._modules, part.modules),
            )
            for now, before in places:
                for name, value in before.items():
                    if not _is_same(now.get(name, _MISSING), value):
                        now[name] = value
                        self.has_changed = True

    @contextmanager
    def alone(self) -> Iterator[None]:
        """For one run of the model, which begins as it was loaded: threads take turns."""
        with self._lock:
            self.restore()
            yield


def _is_plain(value: Any) -> bool:
    return value is None or isinstance(value, bool | int | float | str | torch.Tensor)


def _is_same(now: Any, before: Any) -> bool:
    is_number_or_text = isinstance(before, bool | int | float | str)
    return now is before or (is_number_or_text and type(now) is type(before) and now == before)
