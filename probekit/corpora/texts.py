"""Texts: a long sequence of texts, many of them repeated, as numbers into a vocabulary."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import cast, overload

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from probekit.errors import InputError

NONE = -1  # the number of a missing text
KNOWN = 65_536  # largest vocabulary that is kept as Python objects
FIRST = 5  # texts that `repr` shows


@dataclass(frozen=True, eq=False, repr=False)
class Texts:
    """Texts, some of which may be missing.

    Attributes:
        numbers: `(n,)` place of each text in the vocabulary, or NONE; in the narrowest signed
            integer type.
        vocabulary: distinct texts; not every one need occur.
    """

    numbers: np.ndarray
    vocabulary: pa.LargeStringArray

    @classmethod
    def of(cls, texts: Sequence[str | None], *, optional: bool = False) -> Texts:
        """Build it from texts, and from None for missing ones if they are `optional`.

        Raises:
            InputError: for anything else.
        """
        try:
            encoded = pa.array(texts, pa.large_string()).dictionary_encode()
        except (pa.ArrowException, UnicodeEncodeError) as error:
            raise InputError(f"passages are made of texts: {error}") from error
        if encoded.null_count and not optional:
            raise InputError("passages are made of texts, and one of them is None")
        numbers = encoded.indices.fill_null(NONE).to_numpy()
        return cls(numbers.astype(_type(len(encoded.dictionary))), encoded.dictionary)

    @classmethod
    def missing(cls, n: int) -> Texts:
        """`n` missing texts."""
        return cls(np.full(n, NONE, dtype=np.int8), pa.array([], pa.large_string()))

    @classmethod
    def joined(cls, parts: Sequence[Texts]) -> Texts:
        """Concatenate the parts."""
        if len(parts) == 1:
            return parts[0]
        merged = pa.concat_arrays([part.vocabulary for part in parts]).dictionary_encode()
        places = merged.indices.to_numpy()
        numbers = np.empty(sum(map(len, parts)), dtype=_type(len(merged.dictionary)))
        done = before = 0
        for part in parts:
            own = places[before : before + len(part.vocabulary)]
            own = np.append(own, NONE)  # index -1, which is NONE, finds it
            numbers[done : done + len(part)] = own[part.numbers]
            done += len(part)
            before += len(part.vocabulary)
        return cls(numbers, merged.dictionary)

    def __len__(self) -> int:
        return len(self.numbers)

    def __repr__(self) -> str:
        first = ", ".join(map(repr, self.values(0, FIRST)))
        more = ", …" if len(self) > FIRST else ""
        return f"Texts({len(self):,} texts: {first}{more})" if len(self) else "Texts(0 texts)"

    @overload
    def __getitem__(self, at: int) -> str | None: ...
    @overload
    def __getitem__(self, at: slice) -> Texts: ...
    def __getitem__(self, at: int | slice) -> str | Texts | None:
        chosen = range(len(self))[at]
        if isinstance(chosen, range):
            return Texts(self.numbers[at], self.vocabulary)
        return self.values(chosen, chosen + 1)[0]

    def take(self, places: np.ndarray) -> Texts:
        """The texts at `places`, or where a mask is true."""
        return Texts(self.numbers[places], self.vocabulary)

    def values(self, start: int = 0, stop: int | None = None) -> list[str | None]:
        """The texts from `start` to `stop`, None for missing ones."""
        numbers = self.numbers[start:stop]
        if len(self.vocabulary) <= min(KNOWN, len(self.numbers)):
            return list(map(self._known.__getitem__, numbers.tolist()))
        return self.vocabulary.take(pa.array(numbers, mask=numbers == NONE)).to_pylist()

    @cached_property
    def _known(self) -> list[str | None]:
        """The vocabulary as Python objects, with None last, where index -1, which is NONE, finds
        it."""
        return [*self.vocabulary.to_pylist(), None]

    def texts(self, start: int = 0, stop: int | None = None) -> list[str]:
        """The texts from `start` to `stop`, none of which is missing."""
        return cast("list[str]", self.values(start, stop))

    def kinds(self) -> list[str]:
        """The texts that occur, each once, in the order of their numbers."""
        return self.vocabulary.take(pa.array(self.distinct())).to_pylist()

    def numbered_as(self, other: Texts) -> np.ndarray:
        """`(n,)` the number each text has in `other`, NONE for those that do not occur there.

        The integer type is that of `other.numbers`.
        """
        places = pc.index_in(self.vocabulary, value_set=other.vocabulary).fill_null(NONE).to_numpy()
        return np.append(places, NONE).astype(other.numbers.dtype)[self.numbers]

    def distinct(self) -> np.ndarray:
        """The numbers that occur, except NONE, in order."""
        occurs = np.zeros(len(self.vocabulary) + 1, dtype=bool)
        occurs[self.numbers] = True
        return np.flatnonzero(occurs[:-1])


def _type(n: int) -> np.dtype:
    """The narrowest integer type for the numbers below `n` and NONE."""
    return np.min_scalar_type(-max(n, 1))
