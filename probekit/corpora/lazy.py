"""Lazy: the annotations of a passage, which become objects on first use."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Generic, Protocol, TypeVar

import numpy as np

T = TypeVar("T")


class Annotation(Protocol[T]):
    """An annotation in columns."""

    @property
    def present(self) -> np.ndarray:
        """`(passages,)` whether a passage has it."""

    def objects(self, start: int, stop: int) -> list[tuple[T, ...]]:
        """The annotation of each passage from `start` to `stop`."""


class Block(Generic[T]):
    """Annotations of neighbouring passages; the first use of one reads it for all of them."""

    def __init__(self, annotations: Mapping[str, Annotation[T]], start: int, stop: int) -> None:
        self._annotations = annotations
        self._start = start
        self._stop = stop
        self._read: dict[str, list[tuple[T, ...]]] = {}

    def read(self, name: str) -> list[tuple[T, ...]]:
        """An annotation of every passage."""
        if name not in self._read:
            self._read[name] = self._annotations[name].objects(self._start, self._stop)
        return self._read[name]

    def of_each(self) -> list[Mapping[str, tuple[T, ...]]]:
        """The annotations of every passage."""
        block = slice(self._start, self._stop)
        present: dict[str, list[bool]] = {}
        for name, annotation in self._annotations.items():
            present[name] = annotation.present[block].tolist()
        found: list[Mapping[str, tuple[T, ...]]] = []
        for i in range(self._stop - self._start):
            names = tuple(name for name in present if present[name][i])
            found.append(AnnotationsOfOne(self, i, names))
        return found


class AnnotationsOfOne(Mapping[str, tuple[T, ...]]):
    """The annotations of one passage of a block, by name."""

    def __init__(self, block: Block[T], place: int, names: tuple[str, ...]) -> None:
        self._block = block
        self._place = place
        self._names = names

    def __getitem__(self, name: str) -> tuple[T, ...]:
        if name not in self._names:
            raise KeyError(name)
        return self._block.read(name)[self._place]

    def __contains__(self, name: object) -> bool:
        return name in self._names

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)

    def __repr__(self) -> str:
        return repr(dict(self))

    def __reduce__(self) -> tuple[Any, ...]:
        return dict, (dict(self),)
