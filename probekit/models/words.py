"""Words: the vectors of words, from a model that reads subwords."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, Protocol

import numpy as np
import torch
from scipy.sparse import csr_matrix

from probekit.errors import InputError
from probekit.models.align import Subwords, Window, align, windows
from probekit.models.word_means import WordMeans

SubwordVector = Literal["mean", "first", "last", "cls"]

CPU_BATCH, GPU_BATCH = 1_024, 32_768  # subwords per batch, with padding
# A batch that has LEAST subwords ends before a text that would be padded to more than MOST_PADDED
# times its length.
LEAST, MOST_PADDED = 4_096, 1.2
# What a GPU keeps of a batch: of each subword the states of all layers, and while a block runs so
# many times the width of one.
ON_THE_WAY = 24


class ReadsSubwords(Protocol):
    """The part of a model that is used here; `Encoder` has it."""

    name: str
    tokenizer: Any
    dim: int
    n_layers: int
    device: torch.device

    @property
    def limit(self) -> int:
        """Number of subwords of text read in one pass."""

    @property
    def first(self) -> int:
        """Position of a text's first subword among its hidden states."""

    @property
    def cls(self) -> int | None:
        """Position of a text's `[CLS]` among its hidden states; None without such a token."""

    def load(self, last_layer: int) -> None:
        """Prepare for layers up to `last_layer`."""

    def hidden_states(
        self, subwords: Sequence[np.ndarray], layers: Sequence[int] | None = None
    ) -> tuple[torch.Tensor, ...]:
        """Hidden states `(texts, width, dim)` of each of `layers`; None for all."""


@dataclass(frozen=True)
class Batch:
    """Windows read in one pass.

    Attributes:
        windows: windows over the texts.
        subwords: ids of each window, `(n,)`.
        starts: position of the first word of each text, by the number of the text.
    """

    windows: list[Window]
    subwords: list[np.ndarray]
    starts: np.ndarray

    @property
    def rows(self) -> int:
        """Number of subwords computed, with padding and without special tokens."""
        return len(self.subwords) * max(map(len, self.subwords))


class WordReader:
    """Reads texts through a model.

    Args:
        encoder: the model.
        take: the vector of a word: the `mean` of its subwords' vectors, that of the `first` or the
            `last` one, or that of its text's `cls`.
        batch_tokens: subwords per batch, with padding; None for a default by device.

    Raises InputError for `cls` where the model has no such token.
    """

    def __init__(
        self, encoder: ReadsSubwords, take: SubwordVector = "mean", batch_tokens: int | None = None
    ) -> None:
        if take == "cls" and encoder.cls is None:
            raise no_cls(encoder.name)
        self.encoder, self.take = encoder, take
        self.device, self.dim = encoder.device, encoder.dim
        self._aligned: tuple[Sequence[Sequence[str]] | None, list[Subwords]] = (None, [])
        self._batch_tokens = batch_tokens

    @property
    def budget(self) -> int:
        """Subwords per batch, with padding: on a GPU, as many as half of its free memory holds."""
        if self._batch_tokens:
            return self._batch_tokens
        if self.device.type == "cpu":
            return CPU_BATCH
        if self.device.type != "cuda":
            return GPU_BATCH
        free, _ = torch.cuda.mem_get_info(self.device)
        of_subword = 4 * self.dim * (self.encoder.n_layers + ON_THE_WAY)
        return max(CPU_BATCH, min(GPU_BATCH, free // 2 // of_subword))

    def load(self, last_layer: int) -> None:
        """Prepare the model for layers up to `last_layer`."""
        self.encoder.load(last_layer)

    def batches(self, texts: Sequence[Sequence[str]], part: slice | None = None) -> Iterator[Batch]:
        """The batches of the texts.

        Args:
            texts: sequences of words; words are numbered across all texts.
            part: read only these words, numbered from the start of `part`, in the context of the
                texts.
        """
        if texts is not self._aligned[0]:
            self._aligned = (texts, align(texts, self.encoder.tokenizer))
        subwords = self._aligned[1]
        starts = np.cumsum([0] + [len(text) for text in texts])
        every: list[Window] = []
        for number, text in enumerate(subwords):
            every += windows(number, text, self.encoder.limit)
        if part is not None:
            starts = starts - part.start
            every = _windows_of_first(every, starts, part.stop - part.start)
        for batch in batches(every, self.budget):
            read = [subwords[window.text].ids[window.start : window.stop] for window in batch]
            yield Batch(batch, read, starts)

    def read(
        self, batch: Batch, layers: Sequence[int], values: np.ndarray | torch.Tensor
    ) -> np.ndarray:
        """Write the vectors of the words that take theirs from this batch.

        Args:
            batch: the batch.
            layers: numbers of the layers.
            values: `(layers, words, dim)` to write into.

        Returns the positions of these words.
        """
        hidden = self.encoder.hidden_states(batch.subwords, layers)
        words, means = self.words_of(batch, hidden[0].shape[1])
        places = torch.from_numpy(values) if isinstance(values, np.ndarray) else values
        for states, of_layer in zip(hidden, places, strict=True):
            means.write(states, of_layer)
        return words

    def words_of(self, batch: Batch, width: int) -> tuple[np.ndarray, WordMeans]:
        """The positions of the words that take their vectors from a batch, and what makes these.

        They are the same at every layer.

        Args:
            batch: the batch.
            width: hidden states of a text, with padding and special tokens.
        """
        at = self.encoder.cls if self.take == "cls" else self.encoder.first
        assert at is not None
        matrix, words = averaging(batch.windows, batch.starts, width, at, self.take)
        return words, WordMeans(matrix, words, self.device)


def no_cls(name: str) -> InputError:
    """The error for `cls` of a model without such a token."""
    return InputError(
        f"subwords cannot be 'cls' for '{name}', whose texts do not begin with a token such as "
        "[CLS]: for whole sentences give the task span = 'last' or 'mean'"
    )


def _windows_of_first(every: Sequence[Window], starts: np.ndarray, n_words: int) -> list[Window]:
    """The windows from which the first `n_words` words take their vectors, without other words."""
    found = []
    for window in every:
        words = starts[window.text] + window.word
        wanted = (words >= 0) & (words < n_words)
        if wanted.any():
            found.append(replace(window, own=window.own[wanted], word=window.word[wanted]))
    return found


def batches(every: Sequence[Window], budget: int) -> Iterator[list[Window]]:
    """Windows sorted by length, in batches of at most `budget` subwords, with padding."""
    batch: list[Window] = []
    for window in sorted(every, key=lambda window: window.start - window.stop):
        length = window.stop - window.start
        if batch and is_full(batch[0].stop - batch[0].start, len(batch), length, budget):
            yield batch
            batch = []
        batch.append(window)
    if batch:
        yield batch


def is_full(longest: int, texts: int, following: int, budget: int) -> bool:
    """Whether a batch of texts in order of length ends before the next one.

    Args:
        longest: subwords of its first text.
        texts: how many it has.
        following: subwords of the next text.
        budget: most subwords of a batch, with padding.
    """
    if longest * texts >= LEAST and longest > MOST_PADDED * following:
        return True
    return longest * (texts + 1) > budget


def averaging(
    batch: list[Window], starts: np.ndarray, width: int, at: int, take: SubwordVector
) -> tuple[csr_matrix, np.ndarray]:
    """The matrix `(words, rows)` that maps a batch's flattened hidden states to vectors of words.

    Args:
        batch: the windows, one per row of the batch.
        starts: position in the shard of the first word of each text.
        width: number of subwords in a row of the batch, with padding and special tokens.
        at: position, in a row of the batch, of a text's first subword; or of its `[CLS]`.
        take: the `mean` of a word's subwords, its `first` or `last` one, or its text's `cls`.

    Returns the matrix, and the positions of the words in the shard, `(words,)`.
    """
    own = [np.zeros_like(window.own) if take == "cls" else window.own for window in batch]
    rows = np.concatenate([i * width + at + positions for i, positions in enumerate(own)])
    owners = np.concatenate([starts[window.text] + window.word for window in batch])
    first = np.flatnonzero(np.diff(owners, prepend=-1))
    borders = np.append(first, len(owners))
    words, shape = owners[first], (len(first), len(batch) * width)
    if take != "mean":
        wanted = borders[1:] - 1 if take == "last" else first
        rows = rows[wanted]
        borders = np.arange(len(words) + 1)
    counts = np.diff(borders)
    weights = np.repeat(1 / counts, counts).astype(np.float32)
    return csr_matrix((weights, rows, borders), shape=shape), words
