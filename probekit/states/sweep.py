"""Sweep: vectors that are computed layer by layer, and kept nowhere.

In memory are the hidden states of all texts at one layer, the vectors of words at up to LAYERS
layers, what a block makes of a batch on the way to its output, and its weights (see
`sweep_memory`). A deeper model takes no more. While the probes of two layers are trained, the next
layer is computed, where there are threads for both.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import cached_property
from typing import NamedTuple

import numpy as np
import torch

from probekit.corpora.passage import SPLITS, Context, Corpus, Split
from probekit.engine.interrupts import undisturbed
from probekit.engine.waiting import result_of
from probekit.engine.workers import count, workers
from probekit.errors import InputError
from probekit.models.block_by_block import BlockSizes
from probekit.models.encoder_model import EncoderModel
from probekit.models.words import WordReader
from probekit.progress import Progress
from probekit.states.advance import Advance, Piece
from probekit.states.room import has_room
from probekit.states.shard import Shard, joined
from probekit.states.tensors import OfLayer, Tensors
from probekit.states.texts import Texts

LAYERS = 3  # most layers whose vectors of words are in memory together, but on a GPU with room
SHARE = 0.4  # of a GPU's free memory, that vectors of words may take


@dataclass(frozen=True)
class Held(Tensors):
    """Those of the layers of a sweep that are in memory until the sweep goes on."""

    @property
    def now(self) -> tuple[int, ...]:
        """The numbers of the layers that can be read."""
        return tuple(self.values)


class Taken(NamedTuple):
    """What a sweep took.

    Attributes:
        loading: seconds until the model was loaded.
        running: seconds after that in which layers were waited for.
        sizes: of the model's weights.
    """

    loading: float
    running: float
    sizes: BlockSizes


@dataclass(frozen=True)
class Sweep:
    """A corpus whose vectors a model computes layer by layer, from the lowest on.

    Attributes:
        model: the model.
        reader: makes batches of texts, and vectors of words from hidden states.
        corpus: the words.
        context: what the model reads in one pass.
        layers: the numbers of the layers, in ascending order.
        dtype: type of the vectors of words.
        pieces: the batches, shard after shard.
        progress: called with the number of words done at all layers.
        taken: what each sweep over it took.
    """

    model: EncoderModel
    reader: WordReader
    corpus: Corpus
    context: Context
    layers: tuple[int, ...]
    dtype: str
    pieces: tuple[Piece, ...]
    progress: Progress
    taken: list[Taken] = field(default_factory=list)

    @classmethod
    def of(
        cls,
        model: EncoderModel,
        reader: WordReader,
        shards: Mapping[Split, tuple[Shard, ...]],
        texts: Texts,
        **about: object,
    ) -> Sweep:
        """A sweep over the texts of all shards. On a GPU those of a split are read as one, so that
        texts of similar length are read together."""
        pieces: list[Piece] = []
        for split in SPLITS:
            of_split = shards[split]
            if of_split and reader.device.type == "cuda":
                of_split = (joined(of_split),)
            for shard in of_split:
                for batch in reader.batches(*texts.of(shard)):
                    width = max(map(len, batch.subwords)) + model.encoder.added
                    pieces.append(Piece(shard, batch, width))
        return cls(model=model, reader=reader, pieces=tuple(pieces), **about)  # type: ignore[arg-type]

    def read(
        self,
        split: Split,
        start: int,
        stop: int,
        layers: Sequence[int],
        out: np.ndarray | None = None,
    ) -> np.ndarray:
        """Raise InputError: vectors can be read from the layers of `in_turn` alone."""
        raise InputError(
            f"states='none': the states of '{self.model.name}' are not kept, and are read by the "
            "training of probes alone: use states='stored'"
        )

    @property
    def at_once(self) -> int:
        """How many layers have their vectors of words in memory together."""
        return self._at_once(self.room)

    def _at_once(self, room: int) -> int:
        if self._runs_ahead:
            return min(room, len(self.layers))
        return max(map(len, portions(self.layers, room)))

    @property
    def _runs_ahead(self) -> bool:
        """Whether the next layer is computed while the caller does something with those before."""
        device = self.reader.device
        return device.type != "cpu" or count(device) > 1

    @cached_property
    def room(self) -> int:
        """For how many layers there is room: LAYERS, or more on a GPU that can hold them."""
        room = LAYERS
        while room < len(self.layers) and self._fits(room + 1):
            room += 1
        return room

    def _fits(self, n_layers: int) -> bool:
        """Whether the vectors of words of so many layers fit on the GPU that computes them."""
        n_words = sum(map(self._n_words, SPLITS))
        n_bytes = n_layers * n_words * self.reader.dim * np.dtype(self.dtype).itemsize
        return has_room(n_bytes, self.reader.device, SHARE)

    def without_vector(self) -> dict[Split, tuple[int, ...]]:
        """Positions, by split, of the words without a subword."""
        lost = {split: np.ones(self._n_words(split), dtype=bool) for split in SPLITS}
        for piece in self.pieces:
            for window in piece.batch.windows:
                words = piece.batch.starts[window.text] + window.word
                lost[piece.shard.split][piece.shard.start + words] = False
        return {split: tuple(np.flatnonzero(of_split).tolist()) for split, of_split in lost.items()}

    def in_turn(self, most: int | None = None) -> Iterator[Held]:
        """The vectors of some layers after another.

        What was yielded is overwritten when the next is asked for.

        Args:
            most: for how many layers there is room; None for as many as there is room for now.
        """
        room = most or self.room
        parts, at_once = portions(self.layers, room), self._at_once(room)
        place = self.reader.device if self._fits(at_once) else torch.device("cpu")
        started = time.perf_counter()
        advance = Advance(self.model, self.reader, self.pieces, self.layers[-1])
        loading, waited = time.perf_counter() - started, 0.0
        free = deque(self._of_layer(place) for _ in range(at_once))
        following, coming = deque(self.layers), deque[tuple[Future[None], OfLayer]]()
        try:
            with (
                ThreadPoolExecutor(1, "probekit-sweep") as ahead,
                workers(self.reader.device) as pool,
            ):
                for portion in parts:
                    started = time.perf_counter()
                    last = following[-1] if self._runs_ahead and following else portion[-1]
                    while free and following and following[0] <= last:
                        values = free.popleft()
                        with undisturbed():
                            job = ahead.submit(advance.to, following.popleft(), values, pool)
                        coming.append((job, values))
                    held = {}
                    for layer in portion:
                        job, held[layer] = coming.popleft()
                        self._wait(job, advance)
                    waited += time.perf_counter() - started
                    yield Held(self.corpus, self.context, self.layers, held)
                    free.extend(held.values())
        finally:
            self.taken.append(Taken(loading, waited, advance.blocks.sizes))
            self.model.release()

    def _of_layer(self, place: torch.device) -> OfLayer:
        """Memory for the vectors of words of a layer."""
        found: OfLayer = {}
        for split in SPLITS:
            shape = (self._n_words(split), self.reader.dim)
            dtype = getattr(torch, self.dtype)
            found[split] = torch.zeros(shape, dtype=dtype, device=place)
        return found

    def _wait(self, job: Future[None], advance: Advance) -> None:
        """Wait for a layer, and report how far all layers are."""

        def report() -> None:
            self.progress("extract", advance.done, self.layers[-1] + 1)

        result_of(job, report)
        report()

    def _n_words(self, split: Split) -> int:
        return int(self.corpus.offsets(split)[-1])


def portions(layers: Sequence[int], room: int = LAYERS) -> list[tuple[int, ...]]:
    """Layers that are in memory together: about half of those there is room for, so that others
    are computed meanwhile. Larger portions come last, when no other is to be computed.

    Probes of several layers that are trained together are those of any other several, bit by bit;
    those of one layer alone may differ by rounding.

    >>> portions([0, 1, 2, 3, 4])
    [(0, 1), (2, 3, 4)]
    """
    n = max(1, len(layers) // ((room + 1) // 2))
    from_the_top = np.array_split(np.array(layers)[::-1], n)
    return [tuple(part[::-1].tolist()) for part in reversed(from_the_top)]
