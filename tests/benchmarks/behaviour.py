"""Scoring of sentences against the bare forward pass over the same batches, for a decoder and a
masked model of six layers of 384 (random weights), on sentences of en_ewt."""

from __future__ import annotations

import tempfile
import time
from pathlib import Path

import torch

import probekit as pk
from probekit.models.checkpoint import Checkpoint, EncoderSettings
from probekit.models.likelihood import Likelihood
from probekit.models.lm_head import open_language_model
from tests.benchmarks.timing import figure
from tests.language_models import Kind, make_language_model

CHUNKS, VOCABULARY = 4, 8_000
SIZES: dict[Kind, dict[str, int]] = {
    "gpt2": {"n_embd": 384, "n_layer": 6, "n_head": 12, "n_positions": 512},
    "bert": {
        "hidden_size": 384,
        "intermediate_size": 1_536,
        "num_hidden_layers": 6,
        "num_attention_heads": 12,
        "max_position_embeddings": 512,
    },
}
SENTENCES = {"gpt2": 100, "bert": 8}  # of a chunk: a masked model reads each once per subword


def main() -> None:
    train = pk.load_corpus("en_ewt").splits["train"]
    texts = [passage.words for passage in train[: CHUNKS * max(SENTENCES.values())]]
    joined = [" ".join(words) for words in texts]
    with tempfile.TemporaryDirectory() as folder:
        for kind, size in SIZES.items():
            path = make_language_model(
                kind, Path(folder) / kind, joined, vocabulary=VOCABULARY, size=size
            )
            opened = open_language_model(Checkpoint(str(path), EncoderSettings()))
            _measure(kind, Likelihood(opened), texts)


def _measure(kind: Kind, likelihood: Likelihood, texts: list[tuple[str, ...]]) -> None:
    likelihood.score(texts[:2])  # the first pass allocates memory
    bare = scored = 0.0
    # In turns, chunk by chunk, since the machine's speed drifts.
    for start in range(0, CHUNKS * SENTENCES[kind], SENTENCES[kind]):
        chunk = texts[start : start + SENTENCES[kind]]
        passes = list(likelihood.passes(likelihood.align(chunk)))
        begun = time.perf_counter()
        with torch.inference_mode():
            for one in passes:
                likelihood.model.model(**one.inputs)
        bare += time.perf_counter() - begun
        begun = time.perf_counter()
        likelihood.score(chunk)
        scored += time.perf_counter() - begun
    print(f"  {kind}: bare {bare:.1f} s, scored {scored:.1f} s")
    figure(f"behaviour of {kind} / bare forward pass", scored / bare, "<= 1.3")
