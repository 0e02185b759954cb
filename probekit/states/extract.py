"""Extraction: one pass of a checkpoint over a corpus gives every word's vector at every layer."""

from __future__ import annotations

import json
import time
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import Any, Literal

import numpy as np
import torch
from scipy.sparse import csr_matrix

from probekit.corpora.passage import SPLITS, Corpus, Split
from probekit.errors import InputError, ProbekitWarning, StoreError
from probekit.progress import Progress, silent
from probekit.states.align import Pieces, Window, align, windows
from probekit.states.encoder import LAYERS_MEAN, Encoder, EncoderSettings
from probekit.states.store import Shard, Store, StoreDtype, open_store

PieceVector = Literal["mean", "first", "last"]
Context = Literal["sentence", "document"]

SHARD_WORDS = 16_384  # some seconds of work each, and enough sentences to sort by length …
SHARD_BYTES = 1 << 29  # … as far as the vectors of all layers, in float32, stay below this
CPU_BATCH, GPU_BATCH = 1_024, 32_768  # pieces a batch, padding included


@dataclass(frozen=True)
class ExtractSettings:
    """How a corpus is read.

    Attributes:
        context: what is read in one pass: each passage, or each document up to the model's limit.
        pieces: a word's vector is the `mean` of its pieces', or the `first` or `last` one's.
        layers: the layers kept; empty for all.
        batch_tokens: pieces a batch, padding included; None for what suits the device.
        store_dtype: of the values on disk.
        encoder: how the checkpoint is loaded and run.
    """

    context: Context = "sentence"
    pieces: PieceVector = "mean"
    layers: tuple[int, ...] = ()
    batch_tokens: int | None = None
    store_dtype: StoreDtype = "float16"
    encoder: EncoderSettings = field(default_factory=EncoderSettings)


@dataclass(frozen=True)
class States:
    """One vector per word and layer of a corpus, on disk.

    Attributes:
        model: what results call the checkpoint.
        corpus: the corpus read.
        layers: the layers there are, 0 being the embeddings.
        n_layers: layers the whole model has, the embeddings counted.
        dim: width of a vector.
        store: the files.
        shards: runs of words, by split.
        settings: how the corpus was read.
        manifest: fingerprints and conventions.
        no_piece: positions of words that became no piece, by split; their vectors are zero.
        seconds: time spent extracting; 0 where everything was there.
        computed, reused: shards computed now, and found whole.
    """

    model: str
    corpus: Corpus
    layers: tuple[int, ...]
    n_layers: int
    dim: int
    store: Store
    shards: dict[Split, tuple[Shard, ...]]
    settings: ExtractSettings
    manifest: dict[str, Any]
    no_piece: dict[Split, tuple[int, ...]]
    seconds: float
    computed: int
    reused: int

    def read(self, split: Split, start: int, stop: int, layers: Sequence[int] | None = None) -> np.ndarray:
        """Vectors of words `start` to `stop` (positions in the split): `(layers, stop - start, dim)`, as stored."""
        wanted = self.layers if layers is None else tuple(layers)
        out = np.empty((len(wanted), stop - start, self.dim), dtype=self.store.dtype)
        for shard in self.shards[split]:
            low, high = max(start, shard.start), min(stop, shard.stop)
            if low < high:
                for i, layer in enumerate(wanted):
                    self.store.read_into(out[i, low - start : high - start], shard, layer, low, high)
        return out

    def words_without_piece(self) -> list[tuple[Split, str]]:
        """The words whose vectors are zero, since the tokenizer gives them no piece."""
        rows = {
            split: [word for passage in self.corpus.splits[split] for word in passage.words]
            for split, positions in self.no_piece.items()
            if positions
        }
        return [(split, rows[split][i]) for split, positions in self.no_piece.items() for i in positions]

    def in_context(self, context: Context, *, progress: Progress = silent) -> States:
        """The same checkpoint's states of the same corpus, read in another context."""
        if context == self.settings.context:
            return self
        settings = replace(self.settings, context=context)
        return extract(self.model, self.corpus, settings=settings, progress=progress)


def extract(
    model: str,
    corpus: Corpus,
    *,
    settings: ExtractSettings | None = None,
    progress: Progress = silent,
    **options: Any,
) -> States:
    """Hidden states of every word of `corpus`, from the cache as far as they are there.

    Args:
        model: an alias (`bert-base`, `minilm`), a hub id with `@revision` if wanted, or a folder.
        corpus: what to read.
        settings: how; keyword options (`context="document"`, `layers=(0, 6)` …) change single fields.
        progress: called with the stage, the words done and the words there are.

    Raises ModelError for a checkpoint that cannot be used, InputError for layers that it does not have, and
    StoreError where states cannot be kept.
    """
    settings = replace(settings or ExtractSettings(), **options)
    encoder = Encoder(model, settings.encoder)
    layers = _layers(settings.layers, encoder)
    words = min(SHARD_WORDS, max(1, SHARD_BYTES // (encoder.n_layers * encoder.dim * 4)))
    manifest = {
        "model": encoder.fingerprint(),
        "corpus": {"name": corpus.name, "text": corpus.fingerprint},
        "context": settings.context,
        "pieces": settings.pieces,
        "window": encoder.limit,
        "layers_mean": LAYERS_MEAN,
        "computed_in": str(encoder.dtype).removeprefix("torch."),
        "dtype": settings.store_dtype,
        "shard_words": words,
    }
    store = open_store(manifest, encoder.dim, settings.store_dtype)
    units = {split: _units(corpus, split, settings.context) for split in SPLITS}
    shards = {split: tuple(_shards(split, units[split], words)) for split in SPLITS}
    started = time.perf_counter()
    reader = _Reader(encoder, corpus, settings, store, layers)
    computed = reader.fill(units, shards, progress)
    total = sum(len(runs) for runs in shards.values())
    return States(
        model=model,
        corpus=corpus,
        layers=layers,
        n_layers=encoder.n_layers,
        dim=encoder.dim,
        store=store,
        shards=shards,
        settings=settings,
        manifest=manifest,
        no_piece={split: _no_piece(store, shards[split], layers[0]) for split in SPLITS},
        seconds=time.perf_counter() - started if computed else 0.0,
        computed=computed,
        reused=total - computed,
    )


def _layers(wanted: tuple[int, ...], encoder: Encoder) -> tuple[int, ...]:
    layers = tuple(sorted(set(wanted))) or tuple(range(encoder.n_layers))
    odd = [layer for layer in layers if not 0 <= layer < encoder.n_layers]
    if odd:
        name, last = encoder.source.name, encoder.n_layers - 1
        raise InputError(f"'{name}' has no layer {odd[0]}: its layers are 0 (the embeddings) to {last}")
    return layers


def _units(corpus: Corpus, split: Split, context: Context) -> np.ndarray:
    """Borders of what is read in one pass, as positions in the split: `(units + 1,)`."""
    offsets = corpus.offsets(split)
    if context == "sentence":
        return offsets
    documents = [passage.document for passage in corpus.splits[split]]
    first = [i for i in range(len(documents)) if i == 0 or documents[i] != documents[i - 1]]
    return np.append(offsets[first], offsets[-1])


def _shards(split: Split, units: np.ndarray, words: int) -> Iterator[Shard]:
    """Runs of whole units of at least `words` words, the last one apart."""
    start, number = 0, 0
    for border in units[1:].tolist():
        if border - start >= words or (border == units[-1] and border > start):
            yield Shard(split, number, start, border)
            start, number = border, number + 1


def _no_piece(store: Store, shards: Sequence[Shard], layer: int) -> tuple[int, ...]:
    positions: list[int] = []
    for shard in shards:
        found = store.header(shard, layer)
        if found is None:
            raise StoreError(f"states went missing while they were read: {store.path(shard, layer)}; run it again")
        positions.extend(shard.start + i for i in json.loads(found[0]["no_piece"]))
    return tuple(positions)


class _Reader:
    """Fills a store shard by shard."""

    def __init__(
        self,
        encoder: Encoder,
        corpus: Corpus,
        settings: ExtractSettings,
        store: Store,
        layers: tuple[int, ...],
    ) -> None:
        self.encoder, self.corpus, self.settings, self.store, self.layers = (
            encoder,
            corpus,
            settings,
            store,
            layers,
        )
        default = CPU_BATCH if encoder.device.type == "cpu" else GPU_BATCH
        self.budget = settings.batch_tokens or default
        self._loaded = False
        self._memory = np.empty((0, 0, 0), dtype=settings.store_dtype)

    def fill(self, units: dict[Split, np.ndarray], shards: dict[Split, tuple[Shard, ...]], progress: Progress) -> int:
        """Compute every shard that is not there whole; returns how many that were."""
        words = {split: [w for p in self.corpus.splits[split] for w in p.words] for split in SPLITS}
        total, done, computed = sum(map(len, words.values())), 0, 0
        for split in SPLITS:
            for shard in shards[split]:
                missing = [layer for layer in self.layers if not self._usable(shard, layer)]
                if missing:
                    borders = units[split]
                    borders = borders[(borders >= shard.start) & (borders <= shard.stop)].tolist()
                    texts = [words[split][a:b] for a, b in pairwise(borders)]
                    self._compute(shard, texts, missing, lambda n, at=done: progress("extract", at + n, total))
                    computed += 1
                done += shard.stop - shard.start
                progress("extract", done, total)
        return computed

    def _usable(self, shard: Shard, layer: int) -> bool:
        if self.store.is_whole(shard, layer):
            return True
        path = self.store.path(shard, layer)
        if path.exists():
            warnings.warn(f"damaged states are computed again: {path}", ProbekitWarning, stacklevel=2)
        return False

    def _compute(self, shard: Shard, texts: list[list[str]], layers: list[int], progress: Any) -> None:
        if not self._loaded:
            self.encoder.load(max(self.layers))
            self._loaded = True
        pieces = align(texts, self.encoder.tokenizer)
        starts = np.cumsum([0] + [len(text) for text in texts])
        states = self._space(len(layers), shard.stop - shard.start)
        dtype = getattr(torch, self.settings.store_dtype)
        have = np.zeros(shard.stop - shard.start, dtype=bool)
        for batch in batches(pieces, self.encoder.limit, self.budget):
            hidden = self.encoder.hidden_states([pieces[w.text].ids[w.start : w.stop] for w in batch])
            width, prefix = hidden[0].shape[1], len(self.encoder.prefix)
            pooling, words = averaging(batch, starts, width, prefix, self.settings.pieces)
            for i, layer in enumerate(layers):
                # A sparse product on one thread beats a few dozen small parallel operations.
                vectors = pooling @ hidden[layer].reshape(-1, self.encoder.dim).float().cpu().numpy()
                states[i, words] = torch.from_numpy(vectors).to(dtype).numpy()
            have[words] = True
            progress(int(have.sum()))
        no_piece = np.flatnonzero(~have)
        states[:, no_piece] = 0
        self._check_range(states)
        for i, layer in enumerate(layers):
            self.store.write(shard, layer, states[i], no_piece.tolist())

    def _space(self, layers: int, words: int) -> np.ndarray:
        """Room for `(layers, words, dim)`; it is used again from shard to shard, since new memory is slow to touch."""
        if len(self._memory) != layers or self._memory.shape[1] < words:
            self._memory = np.empty((layers, words + words // 8, self.encoder.dim), dtype=self._memory.dtype)
        return self._memory[:, :words]

    def _check_range(self, states: np.ndarray) -> None:
        for values in states:
            if not torch.isfinite(torch.stack(torch.from_numpy(values).aminmax())).all():
                raise StoreError(
                    f"'{self.encoder.source.name}' has hidden states that {self.settings.store_dtype} cannot hold: "
                    "use --store-dtype float32"
                )


def batches(pieces: Sequence[Pieces], limit: int, budget: int) -> Iterator[list[Window]]:
    """Windows over all texts, sorted by length, in batches of at most `budget` pieces, padding included."""
    every = [window for number, text in enumerate(pieces) for window in windows(number, text, limit)]
    every.sort(key=lambda window: window.start - window.stop)
    batch: list[Window] = []
    for window in every:
        longest = batch[0].stop - batch[0].start if batch else 0
        if batch and longest * (len(batch) + 1) > budget:
            yield batch
            batch = []
        batch.append(window)
    if batch:
        yield batch


def averaging(
    batch: list[Window], starts: np.ndarray, width: int, prefix: int, take: PieceVector
) -> tuple[csr_matrix, np.ndarray]:
    """The matrix `(words, rows)` that takes a batch's flattened hidden states to words' vectors, and the words.

    Args:
        batch: the windows, one a row of the batch.
        starts: position in the shard of each text's first word.
        width: pieces in a row of the batch, padding and special tokens included.
        prefix: special tokens before a text.
        take: the `mean` of a word's pieces, or its `first` or `last` one.

    Returns the matrix, and the words' positions in the shard `(words,)`.
    """
    rows = np.concatenate([i * width + prefix + window.own for i, window in enumerate(batch)])
    owners = np.concatenate([starts[window.text] + window.word for window in batch])
    first = np.flatnonzero(np.diff(owners, prepend=-1))
    borders = np.append(first, len(owners))
    words, shape = owners[first], (len(first), len(batch) * width)
    if take != "mean":
        rows = rows[first if take == "first" else borders[1:] - 1]
        borders = np.arange(len(words) + 1)
    counts = np.diff(borders)
    weights = np.repeat(1 / counts, counts).astype(np.float32)
    return csr_matrix((weights, rows, borders), shape=shape), words
