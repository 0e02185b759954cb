"""On a GPU: reading all layers of random models and fitting probes on them, against the bare
forward pass over the same batches, and against the rate of its bfloat16 matrix products.

Models have the sizes of BERT-base, a 1B and a 7B Llama, random weights in bfloat16, and minilm's
tokenizer. They read `en_ewt` (or another corpus, `--corpus`) with `--states none`.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple
from unittest.mock import patch

import torch
from transformers import AutoTokenizer, BertConfig, BertModel, LlamaConfig, LlamaModel

import probekit as pk
from probekit.corpora.passage import Corpus
from probekit.models.checkpoint import EncoderSettings
from probekit.models.in_memory import InMemoryModel
from probekit.models.names import resolve
from probekit.probes.fit_kinds import fit_kinds
from probekit.probes.fit_settings import FitSettings
from probekit.progress import silent
from probekit.states.reading import read_each
from probekit.states.states import States
from probekit.states.sweep import Sweep
from probekit.tasks.question import ask
from tests.benchmarks.timing import figure

SQUARE, PRODUCTS = 8_192, 20  # of the matrix product that gives the peak


class Size(NamedTuple):
    """How large a model is."""

    kind: str
    width: int
    blocks: int
    inner: int
    heads: int
    key_heads: int


SIZES = {
    "BERT-base": Size("bert", 768, 12, 3_072, 12, 12),
    "1B": Size("llama", 2_048, 16, 8_192, 32, 8),
    "7B": Size("llama", 4_096, 32, 11_008, 32, 32),
}


def main(arguments: Sequence[str] = ()) -> None:
    """Measure each size of model."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks gpu")
    parser.add_argument("--corpus", default="en_ewt")
    parser.add_argument("--tokenizer", default="", help="a folder; minilm's by default")
    parser.add_argument("--sizes", default=",".join(SIZES))
    parser.add_argument("--device", default="cuda", help="cpu to try the benchmark itself")
    parser.add_argument("--stored", action="store_true", help="BERT-base also with stored states")
    given = parser.parse_args(arguments)
    device = torch.device(given.device)
    print(f"  {torch.cuda.get_device_name(device)}, torch {torch.__version__}", flush=True)
    peak = _peak(device)
    print(f"  bfloat16 products of {SQUARE:,}: {peak / 1e12:,.0f} TFLOP/s", flush=True)
    corpus = pk.load_corpus(given.corpus)
    source = given.tokenizer or resolve("minilm").location
    tokenizer = AutoTokenizer.from_pretrained(source)
    for name in given.sizes.split(","):
        torch.cuda.empty_cache()
        model = _random(SIZES[name], len(tokenizer), device)
        loaded = pk.LoadedModel(model, tokenizer, name)
        _measure(name, loaded, corpus, peak)
        if given.stored and name == "BERT-base":
            _stored(name, loaded, corpus)


def _peak(device: torch.device) -> float:
    """Operations per second of a large bfloat16 product of random numbers."""
    a, b = torch.randn(2, SQUARE, SQUARE, device=device, dtype=torch.bfloat16).unbind()
    seconds = _seconds(lambda: [a @ b for _ in range(PRODUCTS)], times=2)
    return 2 * SQUARE**3 * PRODUCTS / seconds


def _random(size: Size, n_subwords: int, device: torch.device) -> Any:
    """A model of random weights in bfloat16, made on the GPU."""
    kind: Any
    if size.kind == "bert":
        config: Any = BertConfig(
            vocab_size=n_subwords,
            hidden_size=size.width,
            num_hidden_layers=size.blocks,
            num_attention_heads=size.heads,
            intermediate_size=size.inner,
        )
        kind = BertModel
    else:
        config = LlamaConfig(
            vocab_size=n_subwords,
            hidden_size=size.width,
            num_hidden_layers=size.blocks,
            num_attention_heads=size.heads,
            num_key_value_heads=size.key_heads,
            intermediate_size=size.inner,
            max_position_embeddings=2_048,
        )
        kind = LlamaModel
    before = torch.get_default_dtype()
    torch.manual_seed(0)
    torch.set_default_dtype(torch.bfloat16)
    try:
        with device:
            return kind(config).eval()
    finally:
        torch.set_default_dtype(before)


def _measure(name: str, loaded: pk.LoadedModel, corpus: Corpus, peak: float) -> None:
    """The bare pass, the sweep alone, and the sweep with the training of probes."""
    question = ask(pk.load_task("pos"), corpus)
    started = time.perf_counter()
    states = _swept(loaded, corpus)
    sweep = states.values
    assert isinstance(sweep, Sweep)
    planned = time.perf_counter() - started
    bare = _seconds(lambda: _bare(loaded.model, sweep), times=2)
    alone = _seconds(lambda: _drained(sweep), times=2)
    torch.cuda.reset_peak_memory_stats()
    fitting = _seconds(
        lambda: fit_kinds(states, [question], ["linear"], (0,), FitSettings(), silent), times=2
    )
    read = sum(
        len(ids) + sweep.model.encoder.added for p in sweep.pieces for ids in p.batch.subwords
    )
    rows = sum(piece.rows for piece in sweep.pieces)
    operations = _operations(loaded.model, sweep)
    print(
        f"  {name}: {read:,} subwords, {rows / read:.2f} x with padding, {len(sweep.pieces)} "
        f"batches; texts prepared in {planned:.1f} s; bare pass {bare:.2f} s, "
        f"{read / bare:,.0f} subwords/s; sweep {alone:.2f} s; with probes {fitting:.2f} s; "
        f"peak of GPU memory {torch.cuda.max_memory_allocated() / 1e9:.1f} GB",
        flush=True,
    )
    figure(f"{name}: bare pass, share of the peak", operations / bare / peak, ">= 0.4", "")
    figure(f"{name}: reading and fitting, share of the peak", operations / fitting / peak, "-", "")
    figure(f"{name}: sweep / bare pass", alone / bare, "-")
    figure(f"{name}: reading and fitting / bare pass", fitting / bare, "<= 1.15")


def _swept(loaded: pk.LoadedModel, corpus: Corpus) -> States:
    opened = InMemoryModel(loaded, EncoderSettings())
    settings = pk.ExtractSettings(states="none")
    return read_each(opened, corpus, ["sentence"], settings, silent)[0]


@torch.inference_mode()
def _bare(model: Any, sweep: Sweep) -> None:
    """The forward pass of every batch, without hidden states."""
    encoder = sweep.model.encoder
    for piece in sweep.pieces:
        model(**encoder.inputs.of(piece.batch.subwords, encoder.rows))


def _drained(sweep: Sweep) -> None:
    for _ in sweep.in_turn():
        pass


def _operations(model: Any, sweep: Sweep) -> float:
    """Of the matrices of all blocks and of attention, for subwords without padding."""
    matrices = 0
    for name, weight in model.named_parameters():
        if weight.ndim > 1 and "embed" not in name and "pooler" not in name:
            matrices += weight.numel()
    width, blocks = model.config.hidden_size, model.config.num_hidden_layers
    added = sweep.model.encoder.added
    total = 0.0
    for piece in sweep.pieces:
        for ids in piece.batch.subwords:
            n = len(ids) + added
            total += 2 * matrices * n + 4 * width * blocks * n**2
    return total


def _stored(name: str, loaded: pk.LoadedModel, corpus: Corpus) -> None:
    """A cold run with states on disk, and a warm one."""
    with tempfile.TemporaryDirectory() as folder, patch.dict(os.environ, PROBEKIT_CACHE=folder):
        for what in ("cold", "warm"):
            started = time.perf_counter()
            found = pk.probe(loaded, "pos", corpus=corpus, progress=False)
            seconds = time.perf_counter() - started
            parts = found.run.measurements[0].seconds
            size = sum(path.stat().st_size for path in Path(folder).rglob("*") if path.is_file())
            shown = ", ".join(f"{stage} {spent:.2f}" for stage, spent in parts.items())
            print(f"  {name}, stored, {what}: {seconds:.2f} s ({shown}; {size / 1e9:.1f} GB)")


def _seconds(work: Callable[[], object], times: int) -> float:
    """The least seconds that work takes on the GPU."""
    least = float("inf")
    for _ in range(times):
        torch.cuda.synchronize()
        started = time.perf_counter()
        work()
        torch.cuda.synchronize()
        least = min(least, time.perf_counter() - started)
    return least
