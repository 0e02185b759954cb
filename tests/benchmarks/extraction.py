"""Extraction against the bare forward pass, and against one sentence at a time as NeuroX works."""

from __future__ import annotations

import os
import tempfile
import time
from itertools import pairwise
from unittest.mock import patch

import torch

import probekit as pk
from probekit.corpora.passage import Corpus
from probekit.states.align import align
from probekit.states.checkpoint import Checkpoint, EncoderSettings
from probekit.states.encoder import Encoder
from probekit.states.extract import SHARD_WORDS, extract
from probekit.states.words import CPU_BATCH, batches
from tests.benchmarks.timing import figure

CHUNKS, SENTENCES, ALONE = 4, 3_000, 250


def main() -> None:
    train = pk.load_corpus("en_ewt").splits["train"]
    encoder = Checkpoint("minilm", EncoderSettings()).encoder
    encoder.load(encoder.n_blocks)
    _extract(Corpus("one", {"train": train[:1], "dev": train[:1], "test": train[:1]}))  # imports, once
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


def _bare(encoder: Encoder, corpus: Corpus) -> float:
    prepared = _batches(corpus, encoder)
    started = time.perf_counter()
    for batch in prepared:
        encoder.hidden_states(batch)
    return time.perf_counter() - started


def _extract(corpus: Corpus) -> float:
    with tempfile.TemporaryDirectory() as folder, patch.dict(os.environ, PROBEKIT_CACHE=folder):
        started = time.perf_counter()
        extract("minilm", corpus)
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
        for batch in batches(pieces, encoder.limit, CPU_BATCH):
            prepared.append([pieces[w.text].ids[w.start : w.stop] for w in batch])
    return prepared


def _one_at_a_time(encoder: Encoder, sentences: list[list[str]]) -> float:
    """Tokenise, run and average one sentence after another, with plain transformers; seconds."""
    tokenizer, model = encoder.tokenizer, encoder._model
    started = time.perf_counter()
    with torch.no_grad():
        for words in sentences:
            encoded = tokenizer(words, is_split_into_words=True, return_tensors="pt")
            hidden = torch.stack(model(**encoded, output_hidden_states=True).hidden_states)[:, 0]
            owner = encoded.word_ids()
            for word in range(len(words)):
                hidden[:, [i for i, w in enumerate(owner) if w == word]].mean(1).numpy()
    return time.perf_counter() - started
