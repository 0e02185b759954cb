"""`probe` of `pos`, `dep` and `srl`, cold, against the bare forward pass, for a model as large as
BERT-base (12 × 768, random weights) on 3,000 training sentences of en_ewt."""

from __future__ import annotations

import os
import tempfile
import time
from pathlib import Path
from statistics import median
from unittest.mock import patch

import torch
from transformers import AutoConfig, AutoModel, AutoTokenizer

import probekit as pk
from probekit.corpora.passage import SPLITS, Corpus
from probekit.models.checkpoint import Checkpoint, EncoderSettings
from probekit.models.names import resolve
from tests.benchmarks.extraction import _batches
from tests.benchmarks.timing import figure

SENTENCES, ROUNDS = 3_000, 2
TASKS = ["pos", "dep", "srl"]


def main() -> None:
    whole = pk.load_corpus("en_ewt")
    splits = {split: whole.splits[split] for split in SPLITS}
    splits["train"] = splits["train"][:SENTENCES]
    for split in ("dev", "test"):
        splits[split] = splits[split][: SENTENCES // 6]
    corpus = Corpus("some", splits)
    with tempfile.TemporaryDirectory() as name:
        model = _model(Path(name) / "base")
        encoder = Checkpoint(model, EncoderSettings()).encoder
        encoder.load(encoder.n_blocks)
        every = {"train": tuple(p for split in SPLITS for p in corpus.splits[split])}
        prepared = _batches(Corpus("every", every), encoder)  # type: ignore[arg-type]
        bares, colds = [], []
        for number in range(ROUNDS):
            started = time.perf_counter()
            for batch in prepared[::2]:
                encoder.hidden_states(batch)
            first_half = time.perf_counter() - started
            with patch.dict(os.environ, PROBEKIT_CACHE=str(Path(name) / f"cache-{number}")):
                started = time.perf_counter()
                pk.probe(model, TASKS, corpus=corpus, progress=False)
                colds.append(time.perf_counter() - started)
            started = time.perf_counter()
            for batch in prepared[1::2]:
                encoder.hidden_states(batch)
            bares.append(first_half + time.perf_counter() - started)
            print(f"  bare pass {bares[-1]:.1f} s, cold {colds[-1]:.1f} s", flush=True)
    figure("12 x 768: cold / bare pass", median(colds) / median(bares), "<= 1.15")


def _model(folder: Path) -> str:
    """A random BERT of the size of BERT-base, with the tokenizer of minilm."""
    source = resolve("minilm").location
    config = AutoConfig.from_pretrained(source)
    config.hidden_size, config.intermediate_size = 768, 3_072
    config.num_hidden_layers = config.num_attention_heads = 12
    torch.manual_seed(0)
    AutoModel.from_config(config).save_pretrained(folder)
    AutoTokenizer.from_pretrained(source).save_pretrained(folder)
    return str(folder)
