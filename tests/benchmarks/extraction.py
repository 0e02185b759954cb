"""Extraction against the bare forward pass, and against one sentence at a time as NeuroX works."""

from __future__ import annotations

import os
import shutil
import tempfile
import time
from itertools import pairwise
from pathlib import Path

import torch

import probekit as pk
from probekit.corpora.passage import Corpus
from probekit.states.align import align
from probekit.states.encoder import Encoder, EncoderSettings
from probekit.states.extract import CPU_BATCH, SHARD_WORDS, batches, extract
from tests.benchmarks.timing import figure, in_turns

SENTENCES, ALONE = 6_000, 1_000


def main() -> None:
    corpus = pk.load_corpus("en_ewt")
    train = corpus.splits["train"][:SENTENCES]
    few = Corpus("few", {"train": train, "dev": train[:1], "test": train[:1]})
    encoder = Encoder("minilm", EncoderSettings())
    encoder.load(encoder.n_blocks)
    prepared = _batches(few, encoder)

    def bare() -> None:
        for batch in prepared:
            encoder.hidden_states(batch)

    def whole() -> None:
        with tempfile.TemporaryDirectory() as folder:
            os.environ["PROBEKIT_CACHE"] = folder
            extract("minilm", few)
            shutil.rmtree(folder, ignore_errors=True)
            Path(folder).mkdir()

    cache = os.environ.get("PROBEKIT_CACHE")
    bare_seconds, whole_seconds = in_turns(3, bare, whole)
    if cache:
        os.environ["PROBEKIT_CACHE"] = cache
    figure(f"extraction / bare forward pass, {SENTENCES} sentences", whole_seconds / bare_seconds, "<= 1.15")
    sentences = [list(passage.words) for passage in train[:ALONE]]
    fraction = sum(map(len, sentences)) / sum(len(passage.words) for passage in train)
    alone = _one_at_a_time(encoder, sentences)
    figure("one sentence at a time / extraction", alone / (whole_seconds * fraction), ">= 3.5")


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
