"""Texts: a long row of texts in which many come again, as numbers into a vocabulary."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import cast

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from probekit.errors import InputError

NONE = -1  # the number of a place without a text
KNOWN = 65_536  # texts of a vocabulary that are kept as Python has them, at most
_ENCODED = pa.dictionary(pa.int32(), pa.large_string())


@dataclass(frozen=True, eq=False)
class Texts:
    """Texts, some of which may be missing.

    Attributes: numbers: `(n,)` place of each text in the vocabulary, or NONE; of the narrowest type
        of signed integers. vocabulary: distinct texts, not all of which need be there.
    """

    numbers: np.ndarray
    vocabulary: pa.LargeStringArray

    @classmethod
    def of(cls, texts: Sequence[str | None], *, optional: bool = False) -> Texts:
        """From texts, and None where they are `optional`. Raises InputError for anything else."""
        try:
            encoded = pa.array(texts, _ENCODED)
        except (pa.ArrowException, UnicodeEncodeError) as error:
            raise InputError(f"passages are made of texts: {error}") from error
        if encoded.null_count and not optional:
            raise InputError("passages are made of texts: None stands where one is needed")
        numbers = encoded.indices.fill_null(NONE).to_numpy()
        return cls(numbers.astype(_type(len(encoded.dictionary))), encoded.dictionary)

    @classmethod
    def missing(cls, n: int) -> Texts:
        """`n` places without a text."""
        return cls(np.full(n, NONE, dtype=np.int8), pa.array([], pa.large_string()))

    @classmethod
    def joined(cls, parts: Sequence[Texts]) -> Texts:
        """One after the other."""
        if len(parts) == 1:
            return parts[0]
        merged = (
            pa.chunked_array([part.vocabulary for part in parts])
            .dictionary_encode()
            .combine_chunks()
        )
        places = merged.indices.to_numpy()
        numbers = np.empty(sum(map(len, parts)), dtype=_type(len(merged.dictionary)))
        done = before = 0
        for part in parts:
            own = np.append(
                places[before : before + len(part.vocabulary)], NONE
            )  # that of NONE, which is -1, last
            numbers[done : done + len(part)] = own[part.numbers]
            done, before = done + len(part), before + len(part.vocabulary)
        return cls(numbers, merged.dictionary)

    def __len__(self) -> int:
        return len(self.numbers)

    def take(self, places: np.ndarray) -> Texts:
        """Those at `places`."""
        return Texts(self.numbers[places], self.vocabulary)

    def values(self, start: int = 0, stop: int | None = None) -> list[str | None]:
        """Those from `start` to `stop`, as Python has them."""
        numbers = self.numbers[start:stop]
        if len(self.vocabulary) <= min(KNOWN, len(self.numbers)):
            return list(map(self._known.__getitem__, numbers.tolist()))
        return self.vocabulary.take(pa.array(numbers, mask=numbers == NONE)).to_pylist()

    @cached_property
    def _known(self) -> list[str | None]:
        """The vocabulary as Python has it, and None where NONE, which is -1, finds it."""
        return [*self.vocabulary.to_pylist(), None]

    def texts(self, start: int = 0, stop: int | None = None) -> list[str]:
        """Those from `start` to `stop`, none of which is missing."""
        return cast("list[str]", self.values(start, stop))

    def kinds(self) -> list[str]:
        """The texts that are there, each once, in the order of their numbers."""
        return self.vocabulary.take(pa.array(self.distinct())).to_pylist()

    def numbered_as(self, other: Texts) -> np.ndarray:
        """`(n,)` the number each has in `other`, of the same type as its numbers; NONE where it is
        not there."""
        places = pc.index_in(self.vocabulary, value_set=other.vocabulary).fill_null(NONE).to_numpy()
        return np.append(places, NONE).astype(other.numbers.dtype)[self.numbers]

    def distinct(self) -> np.ndarray:
        """The numbers that are there, NONE not among them, in order."""
        there = np.zeros(len(self.vocabulary) + 1, dtype=bool)
        there[self.numbers] = True
        return np.flatnonzero(there[:-1])


def _type(n: int) -> np.dtype:
    """The narrowest type that holds the numbers below `n`, and NONE."""
    return np.min_scalar_type(-max(n, 1))
