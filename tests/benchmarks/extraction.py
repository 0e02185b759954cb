"""Extraction against the bare forward pass, and against one sentence at a time as NeuroX works; and
the first for a decoder and an encoder-decoder of like size."""

from __future__ import annotations

import os
import tempfile
import time
from itertools import pairwise
from pathlib import Path
from typing import Any
from unittest.mock import patch

import torch

import probekit as pk
from probekit.corpora.passage import Corpus
from probekit.corpora.passages import Passages
from probekit.models.align import align, windows
from probekit.models.checkpoint import Checkpoint, EncoderSettings
from probekit.models.encoder import Encoder
from probekit.models.words import CPU_BATCH, batches
from probekit.states.extract import SHARD_WORDS, extract
from tests.benchmarks.timing import figure
from tests.families import make_family

CHUNKS, SENTENCES, ALONE = 4, 3_000, 250
SIZES: dict[str, dict[str, Any]] = {  # random models as large as minilm's six blocks of 384
    "gpt2": {"n_embd": 384, "n_layer": 6, "n_head": 12, "n_positions": 512},
    "t5": {
        "d_model": 384,
        "d_kv": 32,
        "d_ff": 1536,
        "num_layers": 6,
        "num_decoder_layers": 2,
        "num_heads": 12,
    },
}


def main() -> None:
    train = pk.load_corpus("en_ewt").splits["train"]
    encoder = Checkpoint("minilm", EncoderSettings()).encoder
    encoder.load(encoder.n_blocks)
    # Imports take time once.
    _extract(Corpus("one", {"train": train[:1], "dev": train[:1], "test": train[:1]}))
    total = {"bare": 0.0, "extract": 0.0, "alone": 0.0}
    # In turns, chunk by chunk, since the machine's speed drifts.
    for start in range(0, CHUNKS * SENTENCES, SENTENCES):
        chunk = train[start : start + SENTENCES]
        few = Corpus("few", {"train": chunk, "dev": chunk[:1], "test": chunk[:1]})
        total["bare"] += _bare(encoder, few)
        total["extract"] += _extract(few)
        every = SENTENCES // ALONE
        sentences = [list(passage.words) for passage in chunk[::every]]
        share = sum(len(passage.words) for passage in chunk) / sum(map(len, sentences))
        total["alone"] += _one_at_a_time(encoder, sentences) * share
    print("  " + ", ".join(f"{name} {seconds:.1f} s" for name, seconds in total.items()))
    figure("extraction / bare forward pass", total["extract"] / total["bare"], "<= 1.15")
    figure("one sentence at a time / extraction", total["alone"] / total["extract"], ">= 3.5")
    texts = [" ".join(passage.words) for passage in train]
    with tempfile.TemporaryDirectory() as folder:
        for family in ("gpt2", "t5"):
            _of_family(
                family,
                make_family(family, Path(folder) / family, texts, SIZES[family], vocabulary=8_000),
                train,
            )


def _of_family(family: str, folder: Path, train: Passages) -> None:
    encoder = Checkpoint(str(folder), EncoderSettings()).encoder
    encoder.load(encoder.n_blocks)
    # Imports take time once.
    one = Corpus("one", {"train": train[:1], "dev": train[:1], "test": train[:1]})
    _extract(one, str(folder))
    bare = whole = 0.0
    for start in range(0, len(train) // 2, SENTENCES // 2):
        chunk = train[start : start + SENTENCES // 2]
        few = Corpus("few", {"train": chunk, "dev": chunk[:1], "test": chunk[:1]})
        bare += _bare(encoder, few)
        whole += _extract(few, str(folder))
    print(f"  {family}: bare {bare:.1f} s, extract {whole:.1f} s")
    figure(f"{family}: extraction / bare forward pass", whole / bare, "<= 1.2")


def _bare(encoder: Encoder, corpus: Corpus) -> float:
    prepared = _batches(corpus, encoder)
    started = time.perf_counter()
    for batch in prepared:
        encoder.hidden_states(batch)
    return time.perf_counter() - started


def _extract(corpus: Corpus, model: str = "minilm") -> float:
    with tempfile.TemporaryDirectory() as folder, patch.dict(os.environ, PROBEKIT_CACHE=folder):
        started = time.perf_counter()
        extract(model, corpus)
        return time.perf_counter() - started


def _batches(corpus: Corpus, encoder: Encoder) -> list[list]:
    """The batches that extraction makes of the train split, shard by shard."""
    words = [list(passage.words) for passage in corpus.splits["train"]]
    borders, filled = [0], 0
    for i, text in enumerate(words, 1):
        filled += len(text)
        if filled >= SHARD_WORDS or i == len(words):
            borders.append(i)
            filled = 0
    prepared = []
    for a, b in pairwise(borders):
        pieces = align(words[a:b], encoder.tokenizer)
        every = [
            window
            for number, text in enumerate(pieces)
            for window in windows(number, text, encoder.limit)
        ]
        for batch in batches(every, CPU_BATCH):
            prepared.append([pieces[w.text].ids[w.start : w.stop] for w in batch])
    return prepared


def _one_at_a_time(encoder: Encoder, sentences: list[list[str]]) -> float:
    """Tokenise, run and average one sentence after another, with plain transformers; seconds."""
    tokenizer, model = encoder.tokenizer, encoder.held.model
    started = time.perf_counter()
    with torch.no_grad():
        for words in sentences:
            encoded = tokenizer(words, is_split_into_words=True, return_tensors="pt")
            hidden = torch.stack(model(**encoded, output_hidden_states=True).hidden_states)[:, 0]
            owner = encoded.word_ids()
            for word in range(len(words)):
                hidden[:, [i for i, w in enumerate(owner) if w == word]].mean(1).numpy()
    return time.perf_counter() - started
