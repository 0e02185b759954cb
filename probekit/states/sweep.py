"""Sweep: vectors that are computed layer by layer, and kept nowhere.

In memory are the hidden states of all texts at one layer, the vectors of words at two layers or
three, and the weights of one block:

    subwords × width × 4 bytes              the hidden states, with padding and special tokens
    words × width × 2 bytes × LAYERS        the vectors of words (4 bytes in float32)

It takes no more for a model with more layers. The next layer is computed in place, batch by batch.
Weights whose files have the type of the computation are mapped from these; others are converted
when their block runs.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import as_completed
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
import torch

from probekit.corpora.passage import SPLITS, Context, Corpus, Split
from probekit.engine.workers import stop_if_unwanted, workers
from probekit.errors import InputError
from probekit.models.block_by_block import BlockByBlock
from probekit.models.encoder_model import EncoderModel
from probekit.models.words import Batch, WordReader
from probekit.progress import Progress
from probekit.states.arrays import Arrays
from probekit.states.in_range import require_in_range
from probekit.states.over import Over
from probekit.states.shard import Shard
from probekit.states.texts import Texts

LAYERS = 3  # most layers whose vectors of words are in memory together


@dataclass(frozen=True)
class Held(Over):
    """`Vectors` of the layers of a sweep, some of which are in memory until the sweep goes on.

    Attributes:
        of_sweep: the numbers of all its layers; those of `whole` can be read.
    """

    whole: Arrays
    of_sweep: tuple[int, ...]

    @property
    def layers(self) -> tuple[int, ...]:
        """The numbers of all layers of the sweep."""
        return self.of_sweep

    def fill(self, out: np.ndarray, split: Split, start: int, layers: Sequence[int]) -> None:
        """See `Over`."""
        self.whole.read(split, start, start + out.shape[1], layers, out)


class Taken(NamedTuple):
    """What a sweep took.

    Attributes:
        loading: seconds until the model was loaded.
        running: seconds after that, without what was done with the layers.
        matrices: weights in the matrices of all blocks that were run.
        block_bytes: bytes of the largest block, in the type of the computation.
    """

    loading: float
    running: float
    matrices: int
    block_bytes: int


@dataclass(frozen=True)
class _Piece:
    """A batch of a shard."""

    shard: Shard
    batch: Batch


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
    pieces: tuple[_Piece, ...]
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
        """A sweep over the texts of all shards."""
        pieces: list[_Piece] = []
        for split in SPLITS:
            for shard in shards[split]:
                pieces += [_Piece(shard, batch) for batch in reader.batches(*texts.of(shard))]
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
        return max(map(len, portions(self.layers)))

    def sizes(self) -> tuple[int, int]:
        """Bytes of all hidden states of a layer, and of the vectors of words in memory."""
        added = self.model.encoder.inputs.added
        rows = sum(
            width_of(piece.batch, added) * len(piece.batch.subwords) for piece in self.pieces
        )
        n_words = sum(self._n_words(split) for split in SPLITS)
        of_words = self.at_once * n_words * np.dtype(self.dtype).itemsize
        dim = self.reader.dim
        return rows * dim * self.model.dtype.itemsize, of_words * dim

    def without_vector(self) -> dict[Split, tuple[int, ...]]:
        """Positions, by split, of the words without a subword."""
        lost = {split: np.ones(self._n_words(split), dtype=bool) for split in SPLITS}
        for piece in self.pieces:
            for window in piece.batch.windows:
                words = piece.batch.starts[window.text] + window.word
                lost[piece.shard.split][piece.shard.start + words] = False
        return {split: tuple(np.flatnonzero(of_split).tolist()) for split, of_split in lost.items()}

    def in_turn(self) -> Iterator[Held]:
        """The vectors of two or three layers after another.

        What was yielded is overwritten when the next is asked for.
        """
        started = time.perf_counter()
        ends = {portion[-1] for portion in portions(self.layers)}
        values: dict[Split, np.ndarray] = {}
        for split in SPLITS:
            shape = (self.at_once, self._n_words(split), self.reader.dim)
            values[split] = np.zeros(shape, dtype=self.dtype)
        blocks = BlockByBlock(self.model, self.layers[-1])
        loading, spent = time.perf_counter() - started, 0.0
        started = time.perf_counter()
        hidden: list[torch.Tensor | None] = [None] * len(self.pieces)
        held: list[int] = []
        try:
            for layer in range(self.layers[-1] + 1):
                is_wanted = layer in self.layers
                of_layer = _at(values, len(held)) if is_wanted else None
                self._compute(blocks, layer, hidden, of_layer)
                held += [layer] * is_wanted
                if layer in ends:
                    some = {split: array[: len(held)] for split, array in values.items()}
                    spent += time.perf_counter() - started
                    yield Held(Arrays(self.corpus, tuple(held), some, self.context), self.layers)
                    started, held = time.perf_counter(), []
        finally:
            block_bytes = blocks.largest * self.model.dtype.itemsize
            self.taken.append(Taken(loading, spent, blocks.matrices, block_bytes))
            self.model.release()

    def _compute(
        self,
        blocks: BlockByBlock,
        layer: int,
        hidden: list[torch.Tensor | None],
        values: Mapping[Split, np.ndarray] | None,
    ) -> None:
        """Replace the hidden states of the layer below by those of `layer`, and write its vectors
        of words into `values`, `(1, words, dim)` by split, where these are wanted."""

        def of_piece(number: int) -> None:
            stop_if_unwanted()
            shard, batch = self.pieces[number].shard, self.pieces[number].batch
            below = hidden[number]
            if below is None:
                states = blocks.embedded(batch.subwords)
            else:
                read = below.to(self.reader.device)
                states = blocks.following(layer - 1, batch.subwords, read)
            if values is not None:
                of_shard = values[shard.split][:, shard.start : shard.stop]
                self.reader.write(batch, [states], of_shard)
            hidden[number] = states.cpu()

        with blocks.at_hand(layer - 1), workers(self.reader.device) as pool:
            futures = [pool.submit(of_piece, number) for number in range(len(self.pieces))]
            for done, future in enumerate(as_completed(futures), start=1):
                future.result()
                so_far = layer + done / len(futures)
                self.progress("extract", so_far, self.layers[-1] + 1)
        for of_split in () if values is None else values.values():
            require_in_range(self.model.name, of_split)

    def _n_words(self, split: Split) -> int:
        return int(self.corpus.offsets(split)[-1])


def portions(layers: Sequence[int]) -> list[tuple[int, ...]]:
    """Layers that are in memory together: two, and three at the end of an odd number.

    Probes of several layers that are trained together are those of any other several, bit by bit;
    those of one layer alone may differ by rounding.

    >>> portions([0, 1, 2, 3, 4])
    [(0, 1), (2, 3, 4)]
    """
    n = max(1, len(layers) // 2)
    starts = range(0, 2 * n, 2)
    return [tuple(layers[start : start + (2 if start < 2 * n - 2 else 3)]) for start in starts]


def width_of(batch: Batch, added: int) -> int:
    """Hidden states of a text in a batch: its subwords with padding, and `added` special tokens."""
    return max(map(len, batch.subwords)) + added


def _at(values: Mapping[Split, np.ndarray], place: int) -> dict[Split, np.ndarray]:
    """One of the layers in memory, by split."""
    return {split: array[place : place + 1] for split, array in values.items()}
