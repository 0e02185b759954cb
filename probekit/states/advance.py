"""Advance: the hidden states of all texts at one layer, taken to the next layer in place."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch

from probekit.corpora.passage import Split
from probekit.engine.streams import stream_of
from probekit.engine.waiting import result_of
from probekit.engine.workers import Pool, stop_if_unwanted
from probekit.models.block_by_block import BlockByBlock
from probekit.models.encoder_model import EncoderModel
from probekit.models.word_means import WordMeans
from probekit.models.words import Batch, WordReader
from probekit.states.in_range import require_in_range
from probekit.states.room import has_room
from probekit.states.shard import Shard

SHARE = 0.25  # of a GPU's free memory, that hidden states may take


@dataclass(frozen=True)
class Piece:
    """A batch of a shard.

    Attributes:
        shard: the shard.
        batch: the batch.
        width: hidden states of a text, with padding and special tokens.
    """

    shard: Shard
    batch: Batch
    width: int

    @property
    def texts(self) -> int:
        """How many texts it has."""
        return len(self.batch.subwords)

    @property
    def rows(self) -> int:
        """How many hidden states it has."""
        return self.texts * self.width


class Advance:
    """A model that is run block by block over the batches of a corpus.

    Attributes:
        blocks: the model.
        done: how many layers are computed, with parts of the next one.
    """

    def __init__(
        self, model: EncoderModel, reader: WordReader, pieces: Sequence[Piece], last_layer: int
    ) -> None:
        """Load the model up to `last_layer`, and take the memory for hidden states.

        Args:
            model: the model.
            reader: makes vectors of words from hidden states.
            pieces: the batches.
            last_layer: the number of the layer.
        """
        self._model, self._reader, self._pieces = model, reader, pieces
        self.blocks = BlockByBlock(model, last_layer)
        self._device = reader.device
        self._stream = stream_of(self._device, "compute")
        # One block of memory for all layers: pieces of it that come and go leave gaps.
        every = self._memory(sum(piece.rows for piece in pieces))
        self._hidden = []
        for piece, rows in zip(pieces, every.split([p.rows for p in pieces]), strict=True):
            self._hidden.append(rows.view(piece.texts, piece.width, reader.dim))
        self._inputs: list[dict[str, torch.Tensor] | None] = [None] * len(pieces)
        self._words: list[WordMeans | None] = [None] * len(pieces)
        self._next = 0
        self.done = 0.0

    def _memory(self, rows: int) -> torch.Tensor:
        """Memory for the hidden states of all texts: of a GPU where it has room, and else
        page-locked where a GPU reads it."""
        shape, dtype = (rows, self._reader.dim), self._model.dtype
        n_bytes = rows * self._reader.dim * dtype.itemsize
        if has_room(n_bytes, self._device, SHARE):
            return torch.empty(shape, dtype=dtype, device=self._device)
        return torch.empty(shape, dtype=dtype, pin_memory=self._device.type == "cuda")

    def to(self, layer: int, values: Mapping[Split, torch.Tensor], pool: Pool) -> None:
        """Compute the layers up to `layer`, and write its vectors of words.

        Args:
            layer: above all that were computed.
            values: `(words, dim)` by split, to write into.
            pool: computes batches.

        Raises ModelError or StoreError for vectors that are out of range.
        """
        while self._next <= layer:
            self._step(values if self._next == layer else None, pool)
        for of_split in values.values():
            require_in_range(self._model.name, of_split[None])

    def _step(self, values: Mapping[Split, torch.Tensor] | None, pool: Pool) -> None:
        """Compute the next layer, of which vectors of words may be wanted."""
        layer = self._next

        def of_piece(number: int) -> None:
            stop_if_unwanted()
            with torch.cuda.stream(self._stream):
                states = self._states(layer, number)
                if values is not None:
                    self._write(number, states, values)
                self._keep(number, states)

        with self.blocks.at_hand(layer - 1):
            if self._stream is not None:  # the memory of `values` may still be read
                self._stream.wait_stream(torch.cuda.current_stream(self._device))
            futures = [pool.submit(of_piece, number) for number in range(len(self._pieces))]
            for n, future in enumerate(futures, start=1):
                result_of(future)
                self.done = layer + n / len(futures)
            if self._stream is not None:
                self._stream.synchronize()
        self._next += 1

    def _states(self, layer: int, number: int) -> torch.Tensor:
        """The hidden states of a batch, `(texts, width, dim)`, at the layer after those kept."""
        inputs = self._inputs[number]
        if inputs is None:
            subwords = self._pieces[number].batch.subwords
            inputs = self._inputs[number] = self.blocks.inputs(subwords)
        if not layer:
            return self.blocks.embedded(inputs)
        below = self._hidden[number].to(self._device, non_blocking=True)
        return self.blocks.following(layer - 1, inputs, below)

    def _keep(self, number: int, states: torch.Tensor) -> None:
        """Keep the hidden states of a batch, in the place of those of the layer below."""
        kept = self._hidden[number]
        if (kept.shape, kept.dtype) == (states.shape, states.dtype):
            kept.copy_(states, non_blocking=True)
        else:  # a model that computes in more than one type
            self._hidden[number] = states.cpu()

    def _write(
        self, number: int, states: torch.Tensor, values: Mapping[Split, torch.Tensor]
    ) -> None:
        """Write the vectors of a batch's words into `values`, `(words, dim)` by split."""
        piece, found = self._pieces[number], self._words[number]
        if found is None:
            found = self._words[number] = self._reader.words_of(piece.batch, states.shape[1])[1]
        found.write(states, values[piece.shard.split][piece.shard.start : piece.shard.stop])
