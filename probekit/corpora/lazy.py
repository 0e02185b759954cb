"""Lazy: the annotations of a passage, which become objects when they are asked for."""

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
        """What it holds of the passages from `start` to `stop`."""


class Block(Generic[T]):
    """Annotations of neighbouring passages, each read for all of them when it is first asked for."""

    def __init__(self, annotations: Mapping[str, Annotation[T]], start: int, stop: int) -> None:
        self._annotations, self._start, self._stop = annotations, start, stop
        self._read: dict[str, list[tuple[T, ...]]] = {}

    def read(self, name: str) -> list[tuple[T, ...]]:
        """One annotation of every passage."""
        if name not in self._read:
            self._read[name] = self._annotations[name].objects(self._start, self._stop)
        return self._read[name]

    def of_each(self) -> list[Mapping[str, tuple[T, ...]]]:
        """The annotations of every passage."""
        block = slice(self._start, self._stop)
        present = {
            name: annotation.present[block].tolist()
            for name, annotation in self._annotations.items()
        }
        numbers = range(self._stop - self._start)
        return [
            AnnotationsOfOne(self, i, tuple(name for name in present if present[name][i]))
            for i in numbers
        ]


class AnnotationsOfOne(Mapping[str, tuple[T, ...]]):
    """The annotations of the passage that stands at a place of a block, by name."""

    def __init__(self, block: Block[T], place: int, names: tuple[str, ...]) -> None:
        self._block, self._place, self._names = block, place, names

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
